/** What is to be done in a location after each backup. */
export interface AfterBackup {
  /** Days for which everything that the backup needs is locked against deletion; 0 for no locks. */
  readonly lockDays: number;
  /** Locations that get a copy. */
  readonly copyTo: readonly string[];
}
