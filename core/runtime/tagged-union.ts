import { z } from 'zod';

/** A table of things that can be configured, each with the shape of its own options. */
export type OptionTable = Readonly<Record<string, { readonly shape: z.ZodRawShape }>>;

/** One entry of a configuration list: the tag names the row of the table, beside the row's and the common options. */
export type Tagged<Tag extends string, Table extends OptionTable, Common extends z.ZodRawShape> = {
  [Name in keyof Table & string]: Readonly<Record<Tag, Name>> &
    z.output<z.ZodObject<Table[Name]['shape'] & Omit<Common, keyof Table[Name]['shape']>>>;
}[keyof Table & string];

/** The schema of {@link Tagged}: unknown tags and unknown options are faults. A row's own option wins over a common one. */
export function taggedUnion<Tag extends string, Table extends OptionTable, Common extends z.ZodRawShape>(
  tag: Tag,
  table: Table,
  common: Common,
): z.ZodType<Tagged<Tag, Table, Common>> {
  const options = Object.entries(table).map(([name, { shape }]) =>
    z.strictObject({ [tag]: z.literal(name).describe('What kind it is'), ...shape, ...common, ...shape }),
  );
  const union = z.discriminatedUnion(tag, options as unknown as [z.ZodObject]);
  return union as unknown as z.ZodType<Tagged<Tag, Table, Common>>;
}
