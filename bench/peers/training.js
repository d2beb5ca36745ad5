/**
 * Floating-point operations of training on one token: 6 for each weight that is multiplied (forward, and twice that
 * backward; Kaplan et al. 2020), the tied embedding once for the output layer and not for the lookup, and causal
 * attention's two products over the half of T x T that counts.
 */
export function flopsPerToken({ vocabSize, contextLength, layers, width }, layerWeights) {
    return 6 * (layers * layerWeights + vocabSize * width) + 6 * layers * width * contextLength;
}
/** Weights of one layer's matrices: attention's four, and SwiGLU's three or a plain MLP's two. */
export function layerWeightsOf({ width, hiddenWidth }, mlp) {
    return 4 * width * width + (mlp === 'swiglu' ? 3 * width * hiddenWidth : 8 * width * width);
}
