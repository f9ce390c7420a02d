import { parseArgs } from 'node:util';
import { controllerService } from './controller-service.ts';
import { DRIVER, DRIVER_SOCKET, REGISTRATION_SOCKET } from './driver-name.ts';
import { DriverState } from './driver-state.ts';
import { groupService } from './group-service.ts';
import { serve } from './grpc-server.ts';
import { identityService } from './identity-service.ts';
import { nodeService } from './node-service.ts';
import { PodFreezer } from './pod-freezer.ts';
import { snapshotService } from './snapshot-service.ts';

/**
 * The process of the sandbox's storage driver, which runs inside the node:
 *
 *   node driver.ts --folder FOLDER --cgroup GROUP
 *
 * FOLDER holds volumes and snapshots, GROUP is the control group of all pods.
 */
async function main(): Promise<void> {
  const { values } = parseArgs({ options: { folder: { type: 'string' }, cgroup: { type: 'string' } } });
  const { folder, cgroup } = values;
  if (folder === undefined || cgroup === undefined) throw new Error('driver.ts needs --folder and --cgroup');
  const state = new DriverState(folder, await PodFreezer.open(cgroup));
  const proto = 'csi.proto';
  const driver = await serve(DRIVER_SOCKET, [
    { proto, name: 'csi.v1.Identity', methods: identityService },
    { proto, name: 'csi.v1.Controller', methods: { ...controllerService(state), ...snapshotService(state) } },
    { proto, name: 'csi.v1.GroupController', methods: groupService(state) },
    { proto, name: 'csi.v1.Node', methods: nodeService(state) },
  ]);
  // kubelet calls the driver as soon as it sees this one.
  const registration = await serve(REGISTRATION_SOCKET, [
    { proto: 'registration.proto', name: 'pluginregistration.Registration', methods: registrationService },
  ]);
  process.once('SIGTERM', () => {
    for (const server of [registration, driver]) server.forceShutdown();
  });
}

const registrationService = {
  GetInfo: () => Promise.resolve({ type: 'CSIPlugin', name: DRIVER, endpoint: DRIVER_SOCKET, supported_versions: ['1.0.0'] }),
  NotifyRegistrationStatus: ({
    plugin_registered: isRegistered,
    error,
  }: {
    readonly plugin_registered: boolean;
    readonly error: string;
  }) => {
    process.stderr.write(isRegistered ? 'registered with kubelet\n' : `kubelet refuses us: ${error}\n`);
    return Promise.resolve({});
  },
};

await main();
