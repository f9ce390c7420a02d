import { DRIVER } from './driver-name.ts';

const CONTROLLER_SERVICE = 1;
const VOLUME_ACCESSIBILITY_CONSTRAINTS = 2;
const GROUP_CONTROLLER_SERVICE = 3;
const ONLINE = 1;

export const identityService = {
  GetPluginInfo: () => Promise.resolve({ name: DRIVER, vendor_version: '1' }),
  GetPluginCapabilities: () =>
    Promise.resolve({
      capabilities: [
        ...[CONTROLLER_SERVICE, VOLUME_ACCESSIBILITY_CONSTRAINTS, GROUP_CONTROLLER_SERVICE].map((type) => ({ service: { type } })),
        { volume_expansion: { type: ONLINE } },
      ],
    }),
  Probe: () => Promise.resolve({ ready: { value: true } }),
};
