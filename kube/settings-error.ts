/** A mistake in how a process was started; its message says what to change. */
export class SettingsError extends Error {
  override readonly name = 'SettingsError'
}
