/**
 * Kernels of our own for TensorFlow on the CPU, by its C API: each reads its arrays once where TensorFlow's ops read and
 * write them many times over. All float32, rows one after the other, one thread; sums run in a fixed order.
 *   PersonaRmsNorm, PersonaRmsNormGrad              x / sqrt(mean(x^2) + eps) * gain
 *   PersonaSwiglu, PersonaSwigluGrad                silu(gate) * up
 *   PersonaSplitHeads, PersonaJoinHeads             rows to heads and back, turned by rotary positions and scaled
 *   PersonaCausalSoftmax, PersonaCausalSoftmaxGrad  row t of a square sees columns 0..t
 *   PersonaCrossEntropy                             losses, and softmax - onehot
 * src/model/native-kernels.ts calls them; its tests hold them to the plain versions.
 */
#include <cmath>
#include <cstdint>
#include <cstring>
#include <mutex>
#include <string>
#include <vector>

#include <node_api.h>

#include "tensorflow/c/kernels.h"
#include "tensorflow/c/ops.h"
#include "tensorflow/c/tf_status.h"
#include "tensorflow/c/tf_tensor.h"

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#define FOR_EACH_CPU __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define FOR_EACH_CPU
#endif

namespace {

// === Arithmetic

/** exp by 2^n times a polynomial (Cephes expf), within 2 units in the last place; below -87 it is 0. */
inline float Exp(float x) {
  const float low = x < -87.0f ? -87.0f : x;
  const float bounded = low > 88.0f ? 88.0f : low;
  const float n = std::floor(bounded * 1.44269504088896341f + 0.5f);
  const float r = bounded - n * 0.693359375f + n * 2.12194440e-4f;
  float p = 1.9875691500e-4f;
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * r * r + r + 1.0f;
  const int32_t bits = (static_cast<int32_t>(n) + 127) << 23;
  float power;
  std::memcpy(&power, &bits, sizeof power);
  return x != x ? x : (x < -87.0f ? 0.0f : p * power);
}

FOR_EACH_CPU void RmsNorm(const float* x, const float* gain, float eps, int64_t rows, int64_t width, float* y,
                          float* scale) {
  for (int64_t row = 0; row < rows; row++, x += width, y += width) {
    float squares = 0;
    for (int64_t c = 0; c < width; c++) squares += x[c] * x[c];
    const float s = 1.0f / std::sqrt(squares / width + eps);
    for (int64_t c = 0; c < width; c++) y[c] = x[c] * s * gain[c];
    scale[row] = s;
  }
}

/** dx = (dy gain - normed mean(dy gain normed)) scale; dGain = sum over the rows of dy normed. */
FOR_EACH_CPU void RmsNormGrad(const float* dy, const float* x, const float* scale, const float* gain, int64_t rows,
                              int64_t width, float* dx, float* dGain) {
  for (int64_t c = 0; c < width; c++) dGain[c] = 0;
  for (int64_t row = 0; row < rows; row++, dy += width, x += width, dx += width) {
    const float s = scale[row];
    float along = 0;
    for (int64_t c = 0; c < width; c++) {
      const float together = dy[c] * x[c] * s;
      dGain[c] += together;
      along += together * gain[c];
    }
    const float removed = along / width * s;
    for (int64_t c = 0; c < width; c++) dx[c] = (dy[c] * gain[c] - x[c] * removed) * s;
  }
}

FOR_EACH_CPU void Swiglu(const float* gate, const float* up, int64_t count, float* y) {
  for (int64_t i = 0; i < count; i++) y[i] = gate[i] / (1.0f + Exp(-gate[i])) * up[i];
}

FOR_EACH_CPU void SwigluGrad(const float* dy, const float* gate, const float* up, int64_t count, float* dGate,
                             float* dUp) {
  for (int64_t i = 0; i < count; i++) {
    const float open = 1.0f / (1.0f + Exp(-gate[i]));
    const float silu = gate[i] * open;
    dUp[i] = dy[i] * silu;
    dGate[i] = dy[i] * up[i] * (open + silu - silu * open);
  }
}

/** One head of one position, (D): out = scale (x cos + swap(x) sin), or x cos - swap(x) sin. No tables: a scaled copy. */
inline void Turn(const float* x, const float* cos, const float* sin, float turn, float scale, int64_t width, float* out) {
  if (turn == 0) {
    for (int64_t j = 0; j < width; j++) out[j] = x[j] * scale;
    return;
  }
  const int64_t half = width / 2;
  for (int64_t j = 0; j < half; j++) out[j] = (x[j] * cos[j] + x[j + half] * sin[j] * turn) * scale;
  for (int64_t j = half; j < width; j++) out[j] = (x[j] * cos[j] + x[j - half] * sin[j] * turn) * scale;
}

struct Heads {
  int64_t rows, heads, length, width;
  float turn, scale;
};

/** (B, T, H, D) -> (B, H, T, D) */
FOR_EACH_CPU void SplitHeads(const float* x, const float* cos, const float* sin, Heads s, float* out) {
  for (int64_t b = 0; b < s.rows; b++)
    for (int64_t h = 0; h < s.heads; h++)
      for (int64_t t = 0; t < s.length; t++, out += s.width)
        Turn(x + ((b * s.length + t) * s.heads + h) * s.width, cos + t * s.width, sin + t * s.width, s.turn, s.scale,
             s.width, out);
}

/** (B, H, T, D) -> (B, T, H, D) */
FOR_EACH_CPU void JoinHeads(const float* x, const float* cos, const float* sin, Heads s, float* out) {
  for (int64_t b = 0; b < s.rows; b++)
    for (int64_t h = 0; h < s.heads; h++)
      for (int64_t t = 0; t < s.length; t++, x += s.width)
        Turn(x, cos + t * s.width, sin + t * s.width, s.turn, s.scale, s.width,
             out + ((b * s.length + t) * s.heads + h) * s.width);
}

/** Columns taken together; a row is worked up to a whole number of them, and what lies beyond its end is zeroed after. */
constexpr int64_t lanes = 16;

/** The largest of `count` numbers, 16 at a time; a NaN is passed over. */
inline float Top(const float* x, int64_t count) {
  float tops[lanes];
  for (int64_t i = 0; i < lanes; i++) tops[i] = x[0];
  const int64_t whole = count / lanes * lanes;
  for (int64_t j = 0; j < whole; j += lanes)
    for (int64_t i = 0; i < lanes; i++) tops[i] = x[j + i] > tops[i] ? x[j + i] : tops[i];
  float top = x[0];
  for (int64_t i = 0; i < lanes; i++) top = tops[i] > top ? tops[i] : top;
  for (int64_t j = whole; j < count; j++) top = x[j] > top ? x[j] : top;
  return top;
}

FOR_EACH_CPU void CausalSoftmax(const float* x, int64_t rows, int64_t length, float* y) {
  for (int64_t row = 0; row < rows; row++, x += length, y += length) {
    const int64_t seen = row % length + 1;
    const int64_t up = (seen + lanes - 1) / lanes * lanes;
    const int64_t worked = up < length ? up : length;
    const float top = Top(x, seen);
    for (int64_t j = 0; j < worked; j++) y[j] = Exp(x[j] - top);
    for (int64_t j = seen; j < length; j++) y[j] = 0;
    float sum = 0;
    for (int64_t j = 0; j < worked; j++) sum += y[j];
    const float share = 1.0f / sum;
    for (int64_t j = 0; j < worked; j++) y[j] *= share;
  }
}

FOR_EACH_CPU void CausalSoftmaxGrad(const float* y, const float* dy, int64_t rows, int64_t length, float* dx) {
  for (int64_t row = 0; row < rows; row++, y += length, dy += length, dx += length) {
    const int64_t seen = row % length + 1;
    float along = 0;
    for (int64_t j = 0; j < seen; j++) along += y[j] * dy[j];
    for (int64_t j = 0; j < seen; j++) dx[j] = y[j] * (dy[j] - along);
    for (int64_t j = seen; j < length; j++) dx[j] = 0;
  }
}

FOR_EACH_CPU void CrossEntropy(const float* x, const int32_t* ids, int64_t rows, int64_t width, float* losses,
                               float* dx) {
  for (int64_t row = 0; row < rows; row++, x += width, dx += width) {
    const float top = Top(x, width);
    for (int64_t j = 0; j < width; j++) dx[j] = Exp(x[j] - top);
    float sum = 0;
    for (int64_t j = 0; j < width; j++) sum += dx[j];
    const float share = 1.0f / sum;
    for (int64_t j = 0; j < width; j++) dx[j] *= share;
    losses[row] = std::log(sum) + top - x[ids[row]];
    dx[ids[row]] -= 1.0f;
  }
}

// === Between TensorFlow and the arithmetic

/** Attributes of a kernel; those that an op does not have stay as they are here. */
struct Settings {
  float eps = 0, scale = 1;
  int32_t heads = 1, kvHeads = 1, length = 1, turn = 0;
};

/** One run of a kernel: inputs by number, outputs as they are asked for. */
class Run {
 public:
  explicit Run(TF_OpKernelContext* context) : context_(context), status_(TF_NewStatus()) {}
  ~Run() {
    if (TF_GetCode(status_) != TF_OK) TF_OpKernelContext_Failure(context_, status_);
    for (TF_Tensor* tensor : tensors_) TF_DeleteTensor(tensor);
    TF_DeleteStatus(status_);
  }
  bool ok() const { return TF_GetCode(status_) == TF_OK; }
  /** false, and the op fails, unless it holds */
  bool check(bool condition, const char* what) {
    if (!condition && ok()) TF_SetStatus(status_, TF_INVALID_ARGUMENT, what);
    return ok();
  }
  TF_Tensor* input(int i) {
    TF_Tensor* tensor = nullptr;
    TF_GetInput(context_, i, &tensor, status_);
    if (tensor != nullptr) tensors_.push_back(tensor);
    return tensor;
  }
  float* output(int i, const std::vector<int64_t>& shape) {
    size_t bytes = sizeof(float);
    for (int64_t size : shape) bytes *= size;
    TF_Tensor* tensor = TF_AllocateOutput(context_, i, TF_FLOAT, shape.data(), static_cast<int>(shape.size()), bytes, status_);
    if (tensor == nullptr || !ok()) return nullptr;
    tensors_.push_back(tensor);
    return static_cast<float*>(TF_TensorData(tensor));
  }

 private:
  TF_OpKernelContext* context_;
  TF_Status* status_;
  std::vector<TF_Tensor*> tensors_;
};

const float* Data(TF_Tensor* tensor) { return static_cast<const float*>(TF_TensorData(tensor)); }

std::vector<int64_t> Shape(TF_Tensor* tensor) {
  std::vector<int64_t> shape(TF_NumDims(tensor));
  for (size_t i = 0; i < shape.size(); i++) shape[i] = TF_Dim(tensor, static_cast<int>(i));
  return shape;
}

int64_t Count(TF_Tensor* tensor) { return TF_TensorElementCount(tensor); }

void ComputeRmsNorm(void* kernel, TF_OpKernelContext* context) {
  Run run(context);
  TF_Tensor *x = run.input(0), *gain = run.input(1);
  if (!run.ok()) return;
  const int64_t width = Count(gain), rows = width > 0 ? Count(x) / width : 0;
  if (!run.check(rows * width == Count(x), "x must have rows as wide as gain")) return;
  float *y = run.output(0, Shape(x)), *scale = run.output(1, {rows, 1});
  if (run.ok()) RmsNorm(Data(x), Data(gain), static_cast<Settings*>(kernel)->eps, rows, width, y, scale);
}

void ComputeRmsNormGrad(void*, TF_OpKernelContext* context) {
  Run run(context);
  TF_Tensor *dy = run.input(0), *x = run.input(1), *scale = run.input(2), *gain = run.input(3);
  if (!run.ok()) return;
  const int64_t width = Count(gain), rows = Count(scale);
  if (!run.check(rows * width == Count(x) && Count(dy) == Count(x), "shapes differ")) return;
  float *dx = run.output(0, Shape(x)), *dGain = run.output(1, {width});
  if (run.ok()) RmsNormGrad(Data(dy), Data(x), Data(scale), Data(gain), rows, width, dx, dGain);
}

void ComputeSwiglu(void*, TF_OpKernelContext* context) {
  Run run(context);
  TF_Tensor *gate = run.input(0), *up = run.input(1);
  if (!run.ok() || !run.check(Count(gate) == Count(up), "shapes differ")) return;
  float* y = run.output(0, Shape(gate));
  if (run.ok()) Swiglu(Data(gate), Data(up), Count(gate), y);
}

void ComputeSwigluGrad(void*, TF_OpKernelContext* context) {
  Run run(context);
  TF_Tensor *dy = run.input(0), *gate = run.input(1), *up = run.input(2);
  if (!run.ok() || !run.check(Count(gate) == Count(up) && Count(dy) == Count(up), "shapes differ")) return;
  float *dGate = run.output(0, Shape(gate)), *dUp = run.output(1, Shape(gate));
  if (run.ok()) SwigluGrad(Data(dy), Data(gate), Data(up), Count(gate), dGate, dUp);
}

/** Heads of a tensor with `count` numbers, by the kernel's attributes and its tables (T, D). */
bool HeadsOf(Run& run, const Settings& s, TF_Tensor* x, TF_Tensor* cos, TF_Tensor* sin, Heads* heads) {
  if (!run.check(TF_NumDims(cos) == 2 && Count(cos) == Count(sin) && TF_Dim(cos, 0) == s.length, "tables (T, D)"))
    return false;
  const int64_t width = TF_Dim(cos, 1), row = s.heads * s.length * width;
  if (!run.check(row > 0 && Count(x) % row == 0 && s.heads % s.kvHeads == 0, "x must be whole rows of T positions"))
    return false;
  *heads = {Count(x) / row, s.heads, s.length, width, static_cast<float>(s.turn), s.scale};
  return true;
}

void ComputeSplitHeads(void* kernel, TF_OpKernelContext* context) {
  Run run(context);
  TF_Tensor *x = run.input(0), *cos = run.input(1), *sin = run.input(2);
  const Settings& s = *static_cast<Settings*>(kernel);
  Heads heads;
  if (!run.ok() || !HeadsOf(run, s, x, cos, sin, &heads)) return;
  float* y = run.output(0, {heads.rows * s.kvHeads, heads.heads / s.kvHeads * heads.length, heads.width});
  if (run.ok()) SplitHeads(Data(x), Data(cos), Data(sin), heads, y);
}

void ComputeJoinHeads(void* kernel, TF_OpKernelContext* context) {
  Run run(context);
  TF_Tensor *x = run.input(0), *cos = run.input(1), *sin = run.input(2);
  Heads heads;
  if (!run.ok() || !HeadsOf(run, *static_cast<Settings*>(kernel), x, cos, sin, &heads)) return;
  float* y = run.output(0, {heads.rows * heads.length, heads.heads * heads.width});
  if (run.ok()) JoinHeads(Data(x), Data(cos), Data(sin), heads, y);
}

void ComputeCausalSoftmax(void* kernel, TF_OpKernelContext* context) {
  Run run(context);
  TF_Tensor* x = run.input(0);
  const int64_t length = static_cast<Settings*>(kernel)->length;
  if (!run.ok() || !run.check(Count(x) % (length * length) == 0, "x must be squares of (T, T)")) return;
  float* y = run.output(0, Shape(x));
  if (run.ok()) CausalSoftmax(Data(x), Count(x) / length, length, y);
}

void ComputeCausalSoftmaxGrad(void* kernel, TF_OpKernelContext* context) {
  Run run(context);
  TF_Tensor *y = run.input(0), *dy = run.input(1);
  const int64_t length = static_cast<Settings*>(kernel)->length;
  if (!run.ok() || !run.check(Count(y) == Count(dy) && Count(y) % (length * length) == 0, "squares of (T, T)")) return;
  float* dx = run.output(0, Shape(y));
  if (run.ok()) CausalSoftmaxGrad(Data(y), Data(dy), Count(y) / length, length, dx);
}

void ComputeCrossEntropy(void*, TF_OpKernelContext* context) {
  Run run(context);
  TF_Tensor *logits = run.input(0), *ids = run.input(1);
  if (!run.ok() || !run.check(TF_NumDims(logits) == 2 && TF_Dim(logits, 0) == Count(ids), "a target for each row")) return;
  const int64_t rows = TF_Dim(logits, 0), width = TF_Dim(logits, 1);
  const int32_t* targets = static_cast<const int32_t*>(TF_TensorData(ids));
  bool inside = true;
  for (int64_t row = 0; row < rows; row++) inside = inside && targets[row] >= 0 && targets[row] < width;
  if (!run.check(inside, "a target beyond the vocabulary")) return;
  float *losses = run.output(0, {rows}), *gradient = run.output(1, {rows, width});
  if (run.ok()) CrossEntropy(Data(logits), targets, rows, width, losses, gradient);
}

// === Registration

template <bool eps, bool length, bool heads>
void* Create(TF_OpKernelConstruction* construction) {
  auto* s = new Settings();
  TF_Status* status = TF_NewStatus();
  if (eps) TF_OpKernelConstruction_GetAttrFloat(construction, "eps", &s->eps, status);
  if (length) TF_OpKernelConstruction_GetAttrInt32(construction, "length", &s->length, status);
  if (heads) {
    TF_OpKernelConstruction_GetAttrInt32(construction, "heads", &s->heads, status);
    TF_OpKernelConstruction_GetAttrInt32(construction, "kv_heads", &s->kvHeads, status);
    TF_OpKernelConstruction_GetAttrInt32(construction, "turn", &s->turn, status);
    TF_OpKernelConstruction_GetAttrFloat(construction, "scale", &s->scale, status);
  }
  if (TF_GetCode(status) != TF_OK) TF_OpKernelConstruction_Failure(construction, status);
  TF_DeleteStatus(status);
  return s;
}

void Delete(void* kernel) { delete static_cast<Settings*>(kernel); }

void AnyShape(TF_ShapeInferenceContext* context, TF_Status* status) {
  TF_ShapeInferenceContextSetUnknownShape(context, status);
}

struct Definition {
  const char* name;
  std::vector<const char*> inputs, outputs, attributes;
  void* (*create)(TF_OpKernelConstruction*);
  void (*compute)(void*, TF_OpKernelContext*);
};

/** @returns what went wrong, or an empty string */
std::string Register(const Definition& definition) {
  TF_Status* status = TF_NewStatus();
  TF_OpDefinitionBuilder* builder = TF_NewOpDefinitionBuilder(definition.name);
  for (const char* input : definition.inputs) TF_OpDefinitionBuilderAddInput(builder, input);
  for (const char* output : definition.outputs) TF_OpDefinitionBuilderAddOutput(builder, output);
  for (const char* attribute : definition.attributes) TF_OpDefinitionBuilderAddAttr(builder, attribute);
  TF_OpDefinitionBuilderSetShapeInferenceFunction(builder, AnyShape);
  TF_RegisterOpDefinition(builder, status);
  if (TF_GetCode(status) == TF_OK) {
    TF_KernelBuilder* kernel =
        TF_NewKernelBuilder(definition.name, "CPU", definition.create, definition.compute, Delete);
    TF_RegisterKernelBuilder(definition.name, kernel, status);
  }
  const std::string trouble = TF_GetCode(status) == TF_OK ? "" : TF_Message(status);
  TF_DeleteStatus(status);
  return trouble;
}

std::string RegisterAll() {
  const std::vector<const char*> heads = {"length: int", "heads: int", "kv_heads: int", "turn: int", "scale: float"};
  const std::vector<Definition> definitions = {
      {"PersonaRmsNorm", {"x: float", "gain: float"}, {"y: float", "scale: float"}, {"eps: float"},
       Create<true, false, false>, ComputeRmsNorm},
      {"PersonaRmsNormGrad", {"dy: float", "x: float", "scale: float", "gain: float"}, {"dx: float", "dgain: float"}, {},
       Create<false, false, false>, ComputeRmsNormGrad},
      {"PersonaSwiglu", {"gate: float", "up: float"}, {"y: float"}, {}, Create<false, false, false>, ComputeSwiglu},
      {"PersonaSwigluGrad", {"dy: float", "gate: float", "up: float"}, {"dgate: float", "dup: float"}, {},
       Create<false, false, false>, ComputeSwigluGrad},
      {"PersonaSplitHeads", {"x: float", "cos: float", "sin: float"}, {"y: float"}, heads, Create<false, true, true>,
       ComputeSplitHeads},
      {"PersonaJoinHeads", {"x: float", "cos: float", "sin: float"}, {"y: float"}, heads, Create<false, true, true>,
       ComputeJoinHeads},
      {"PersonaCausalSoftmax", {"x: float"}, {"y: float"}, {"length: int"}, Create<false, true, false>,
       ComputeCausalSoftmax},
      {"PersonaCrossEntropy", {"logits: float", "ids: int32"}, {"losses: float", "gradient: float"}, {},
       Create<false, false, false>, ComputeCrossEntropy},
      {"PersonaCausalSoftmaxGrad", {"y: float", "dy: float"}, {"dx: float"}, {"length: int"}, Create<false, true, false>,
       ComputeCausalSoftmaxGrad},
  };
  for (const Definition& definition : definitions) {
    const std::string trouble = Register(definition);
    if (!trouble.empty()) return std::string(definition.name) + ": " + trouble;
  }
  return "";
}

}  // namespace

/** Threads that load it again find the kernels registered. */
NAPI_MODULE_INIT() {
  static std::once_flag once;
  static std::string trouble;
  std::call_once(once, [] { trouble = RegisterAll(); });
  if (!trouble.empty()) napi_throw_error(env, nullptr, trouble.c_str());
  return exports;
}
