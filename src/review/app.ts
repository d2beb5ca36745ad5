/** The kind of app that every place of the page adds its routes to. */
import type { HttpBindings } from '@hono/node-server';
import type { Hono } from 'hono';

export type App = Hono<{ Bindings: HttpBindings }>;
