/** One line of news for people while something is found, built or started. */
export interface ProgressEvent {
  /** The tool or server it is about. */
  readonly tool: string;
  readonly source: 'folder' | 'PATH' | 'cache' | 'release' | 'go build' | 'pip' | 'maven' | 'start';
  readonly message: string;
  /** Since the work on this tool began. */
  readonly elapsedMs: number;
  /** An estimate; absent when there is none. */
  readonly remainingMs?: number;
}

export type Progress = (event: ProgressEvent) => void;
