/** Messages of csi.proto as they come from the wire: absent strings are '', absent messages null. */

export interface VolumeCapability {
  readonly access_type?: 'block' | 'mount';
}

export interface CapacityRange {
  readonly required_bytes: number;
  readonly limit_bytes: number;
}

export interface CreateVolumeRequest {
  readonly name: string;
  readonly capacity_range: CapacityRange | null;
  readonly volume_capabilities: readonly VolumeCapability[];
  readonly volume_content_source: {
    readonly snapshot?: { readonly snapshot_id: string } | null;
    readonly volume?: { readonly volume_id: string } | null;
  } | null;
}

export interface VolumeRequest {
  readonly volume_id: string;
}

export interface ValidateRequest extends VolumeRequest {
  readonly volume_capabilities: readonly VolumeCapability[];
}

export interface ExpandRequest extends VolumeRequest {
  readonly capacity_range: CapacityRange | null;
}

export interface CreateSnapshotRequest {
  readonly source_volume_id: string;
  readonly name: string;
}

export interface SnapshotRequest {
  readonly snapshot_id: string;
}

export interface ListSnapshotsRequest {
  readonly max_entries: number;
  readonly starting_token: string;
  readonly source_volume_id: string;
  readonly snapshot_id: string;
}

export interface CreateGroupRequest {
  readonly name: string;
  readonly source_volume_ids: readonly string[];
}

export interface GroupRequest {
  readonly group_snapshot_id: string;
  readonly snapshot_ids: readonly string[];
}

export interface UnpublishRequest extends VolumeRequest {
  readonly target_path: string;
}

export interface PublishRequest extends UnpublishRequest {
  readonly volume_capability: VolumeCapability | null;
  readonly readonly: boolean;
}
