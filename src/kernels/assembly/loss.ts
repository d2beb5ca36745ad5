// Cross entropy of rows of logits against one id a row; the gradient takes the place of the logits.

import { exponentialTable, max4, softmaxExp4, sum4 } from './math';
import { address, first, int, last, real } from './shared';

export function crossEntropy(entry: usize): void {
  const logits = address(entry, 0);
  const ld = address(entry, 1) << 2;
  const vocab = int(entry, 2);
  const targets = address(entry, 3);
  const losses = address(entry, 4);
  const rows = int(entry, 5);
  const scale = real(entry, 6);
  for (let r = first(rows); r < last(rows); r++) {
    const row = logits + <usize>r * ld;
    const target = load<i32>(targets + (<usize>r << 2));
    const loss = losses + (<usize>r << 2);
    if (target < 0) {
      store<f32>(loss, 0);
      if (scale != 0) memory.fill(row, 0, <usize>vocab << 2);
    } else {
      store<f32>(loss, rowLoss(row, vocab, target, scale));
    }
  }
}

function rowLoss(row: usize, vocab: i32, target: i32, scale: f32): f32 {
  const fours = row + (<usize>(vocab & ~3) << 2);
  const end = row + (<usize>vocab << 2);
  let highest = f32x4.splat(-3.4028234e38);
  let at = row;
  for (; at < fours; at += 16) highest = f32x4.pmax(highest, v128.load(at));
  for (; at < end; at += 4) highest = f32x4.pmax(highest, v128.load32_splat(at));
  const top = max4(highest);
  const tops = f32x4.splat(top);
  const targetLogit = load<f32>(row + (<usize>target << 2));

  // x times 0 is 0, or NaN where x is no number: a broken logit must not vanish in a finite loss
  const nil = f32x4.splat(0);
  const table = exponentialTable;
  let sum = f32x4.splat(0);
  let broken = f32x4.splat(0);
  for (at = row; at < fours; at += 16) {
    const x = v128.load(at);
    const e = softmaxExp4(f32x4.sub(x, tops), table);
    sum = f32x4.add(sum, e);
    broken = f32x4.add(broken, f32x4.mul(x, nil));
    if (scale != 0) v128.store(at, e);
  }
  let total = sum4(f32x4.add(sum, broken));
  for (; at < end; at += 4) {
    const x = v128.load32_splat(at);
    const e = f32x4.extract_lane(softmaxExp4(f32x4.sub(x, tops), table), 0);
    total += e + f32x4.extract_lane(x, 0) * 0;
    if (scale != 0) store<f32>(at, e);
  }
  if (scale != 0) {
    const factor = scale / total;
    const factors = f32x4.splat(factor);
    for (at = row; at < fours; at += 16) v128.store(at, f32x4.mul(v128.load(at), factors));
    for (; at < end; at += 4) store<f32>(at, load<f32>(at) * factor);
    const chosen = row + (<usize>target << 2);
    store<f32>(chosen, load<f32>(chosen) - scale);
  }
  return <f32>(Math.log(<f64>total) - (<f64>targetLogit - <f64>top));
}
