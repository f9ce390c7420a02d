import type { ToolName } from './tool-catalogue.ts';

/** One official binary for one platform. */
export interface Release {
  readonly tool: ToolName;
  /** The pinned version of the tool; a release of any other is not used. */
  readonly version: string;
  /** `<process.platform>-<process.arch>`, for example `linux-x64`. */
  readonly platform: string;
  readonly url: string;
  /** SHA-256 of what the URL serves, lower-case hex. */
  readonly sha256: string;
  /** Path of the binary inside, when the URL serves a .tar.gz; absent when it serves the binary itself. */
  readonly member?: string;
}

/**
 * The official releases that may be downloaded in place of a build. A release is used only when its SHA-256 is pinned here, copied from the
 * project's signed list of checksums; none has been so far, so every tool is built from the sources that sandbox/tools pins. The places are
 * https://dl.k8s.io/release/v<version>/bin/<os>/<arch>/<tool> (the binary itself) and the release pages of etcd-io/etcd, temporalio/cli and
 * versity/versitygw on GitHub (.tar.gz).
 */
export const RELEASES: readonly Release[] = [];
