/** What both engines' optimizers must agree on. */
import type { Parameter } from './layout.ts';

/** Added to the root of AdamW's second moment, as in PyTorch and optax. */
export const adamEps = 1e-8;

/**
 * Muon: Nesterov momentum, then five Newton-Schulz steps X = a X + (b A + c A A) X with A = X X^T (Jordan 2024), scaled by
 * 0.2 sqrt(max(rows, columns)) so that AdamW's learning rate and weight decay fit (Liu et al. 2025).
 */
export const newtonSchulz = {
  momentum: 0.95,
  steps: 5,
  a: 3.4445,
  b: -4.775,
  c: 2.0315,
  eps: 1e-7,
  scale: 0.2,
} as const;

/** Muon's own: the matrices inside the layers. Embedding, output layer and norms are AdamW's. */
export const muonMatrix = ({ kind, source }: Parameter): boolean => kind === 'linear' && source.includes('.layers.');
