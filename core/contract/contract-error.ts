/** Why a message from outside was refused: the `reason` of its dead letter and of its counter. */
export type ContractErrorCode =
  | 'bad-coding'
  | 'too-large'
  | 'not-json'
  | 'schema'
  | 'version'
  | 'unknown-label'
  | 'relative-time'
  | 'wrong-identity'
  | 'duplicate-time'
  | 'catalogue-hash'
  | 'unknown-metric';

/** A message that can never become valid by sending it again: dead-letter it, then acknowledge it. */
export class ContractError extends Error {
  override readonly name = 'ContractError';
  constructor(
    readonly code: ContractErrorCode,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}
