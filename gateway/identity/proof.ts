/** What a connection showed to speak for whom it names. */
export type Proof =
  /** Its word: authentication is off. */
  | { readonly by: 'word' }
  /** The token that is derived from the gateway's secret. */
  | { readonly by: 'derived-token' }
  | { readonly by: 'token'; readonly id: string }
  /** One that lets it ask for a certificate, and nothing else. */
  | { readonly by: 'enrolment'; readonly id: string }
  | {
      readonly by: 'certificate';
      /** SHA-256 in hex. */
      readonly fingerprint: string;
      readonly issuedUs: number;
      readonly expiresUs: number;
    };
