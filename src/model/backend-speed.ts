/**
 * How fast a backend of tfjs multiplies matrices, in about a fifth of a second: what doctor prints, and what decides between
 * two backends that are both there. A product of two squares says little about small models, where the calls cost more.
 */
import * as tf from '@tensorflow/tfjs-core';

/** Sides of the squares: what plain JavaScript does in some milliseconds, what fits a CPU, what fills a GPU. */
const sides = { slow: 128, usual: 512, wide: 2048 };
/** A slow product that takes longer than this is on a slow backend; a usual one that takes less, on a wide one. */
const slowMs = 2;
const wideMs = 0.3;
/** Each of `repeats` measurements works about this long. */
const worthMs = 10;
const repeats = 10;

/**
 * GFLOP/s of float32 products, the best of several tries. Leaves no tensor behind.
 * @param use makes the backend to measure the one in use; called again after every wait
 */
export async function matmulGflops(use: () => void): Promise<number> {
  const millisecondsEach = (side: number, count: number): Promise<number> => {
    use();
    return timeProducts(side, count);
  };
  const settled = async (side: number): Promise<number> => {
    await millisecondsEach(side, 1); // first use compiles and allocates
    return millisecondsEach(side, 4);
  };
  let side = sides.slow;
  if ((await settled(side)) < slowMs) side = (await settled(sides.usual)) < wideMs ? sides.wide : sides.usual;
  let best = Infinity;
  for (let i = 0; i < repeats; i++) {
    let count = 1;
    let each = await millisecondsEach(side, count);
    if (each < worthMs) {
      count = Math.ceil(worthMs / Math.max(each, 0.01));
      each = await millisecondsEach(side, count);
    }
    best = Math.min(best, each);
  }
  return (2 * side ** 3) / best / 1e6;
}

/** Milliseconds a product of two squares takes when `count` of them are asked for before one number is read. */
async function timeProducts(side: number, count: number): Promise<number> {
  const [a, b] = [tf.fill([side, side], 0.5), tf.fill([side, side], 0.25)];
  try {
    const start = performance.now();
    const corner = tf.tidy(() => {
      let product: tf.Tensor | undefined;
      for (let i = 0; i < count; i++) {
        product?.dispose();
        product = tf.matMul(a, b);
      }
      return tf.slice(product!, [0, 0], [1, 1]);
    });
    const [value] = await corner.data();
    const took = performance.now() - start;
    corner.dispose();
    if (Math.abs(value! - side / 8) > side / 800) throw new Error(`a product of ${side / 8} came out as ${value}`);
    return took / count;
  } finally {
    tf.dispose([a, b]);
  }
}
