import { z } from 'zod';
import { ContractError } from '#core/contract/contract-error.js';
import { isName, nameSchema, type DeviceId } from '#core/contract/names.js';
import { NameMaker } from './names.js';
import { patternFault, TextPattern } from './text-pattern.js';

export function patternSchema(allowed: readonly string[]) {
  return z
    .string()
    .max(500)
    .superRefine((pattern, context) => {
      const fault = patternFault(pattern, allowed);
      if (fault !== undefined) context.addIssue({ code: 'custom', message: fault });
    });
}

/** Options that say which site and device a message is of. */
export const identityShape = {
  site: nameSchema.default('foreign').describe('Site of its devices, where neither a topic nor a name says it'),
  device: nameSchema.optional().describe('Device of all its messages, where neither a topic nor a name says it'),
  topicPattern: patternSchema(['site', 'device'])
    .optional()
    .describe('What the topic says: {site}, {device}, and {_} for text that says nothing; e.g. home/{device}/data'),
};

export interface IdentityOptions {
  readonly site: string;
  readonly device?: string | undefined;
  readonly topicPattern?: string | undefined;
}

/** Topics and names of one source, made into sites, devices and sensors of the contract. */
export class Identity {
  readonly names = new NameMaker();
  private readonly pattern: TextPattern | undefined;

  constructor(private readonly options: IdentityOptions) {
    this.pattern = options.topicPattern === undefined ? undefined : new TextPattern(options.topicPattern);
  }

  /**
   * The device of a message. `told` is what the message itself says, and counts for more than its topic.
   * Throws ContractError `wrong-identity` if nothing says which device it is, or its site is no name.
   */
  device(
    topic: string,
    told: { readonly site?: string | undefined; readonly device?: string | undefined } = {},
  ): DeviceId {
    const inTopic = this.pattern?.match(topic);
    const site: string = told.site ?? inTopic?.['site'] ?? this.options.site;
    const device = told.device ?? inTopic?.['device'] ?? this.options.device;
    if (device === undefined)
      throw new ContractError('wrong-identity', `nothing says which device ${topic.slice(0, 100)} is of`);
    const quoted = JSON.stringify(site.slice(0, 100));
    if (!isName(site)) throw new ContractError('wrong-identity', `${quoted} is no site`);
    // Made by the name maker, both are texts of their own.
    return { site: this.names.of(site), device: this.names.of(device) };
  }
}
