/** What a request brings, checked: everything else is refused by the name of the field, without repeating its value. */
import type { Context } from 'hono';
import type { z } from 'zod';
import { UserError } from '../util/errors.ts';

/** @throws UserError (answered with 400) naming the first field that is wrong */
export function checked<S extends z.ZodType>(value: unknown, schema: S): z.output<S> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  const field = issue?.path.join('.') ?? '';
  throw new UserError(
    `The request is not as expected${field === '' ? '' : `: ${field}`}.`,
    'Reload the page; where that does not help, the page and the program are of different versions.',
  );
}

/** The JSON body of a POST. */
export async function parsed<S extends z.ZodType>(c: Context, schema: S): Promise<z.output<S>> {
  return checked(await c.req.json().catch(() => undefined), schema);
}

/** The query of a GET; every value is a string. */
export function asked<S extends z.ZodType>(c: Context, schema: S): z.output<S> {
  return checked(c.req.query(), schema);
}
