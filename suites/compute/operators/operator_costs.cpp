#include "suites/compute/operators/operator_costs.h"

#include <algorithm>
#include <map>

namespace assay::bench::operators {

namespace {

using device::bytes_of;

double number(std::int64_t value) {
  return static_cast<double>(value);
}

/// The formulas of one step; each returns FLOPs and bytes of a call.
class Formulas {
 public:
  Formulas(const StepShape& step, std::uint64_t cache_bytes)
      : gpt_(step.gpt()),
        e_(static_cast<double>(bytes_of(step.element))),
        x_(static_cast<double>(bytes_of(device::exact_of(step.element)))),
        R_(number(step.rows())),
        C_(number(step.model.width)),
        F_(number(step.model.feed_forward)),
        S_(number(step.model.sequence)),
        V_(number(step.model.vocabulary)),
        H_(number(step.model.heads)),
        K_(number(step.model.kv_heads)),
        D_(number(step.model.head_size())),
        N_(number(flat_count(step, cache_bytes))),
        layer_calls_(number(step.model.layers * step.micro_batches)),
        micro_batches_(number(step.micro_batches)),
        flat_calls_(number(training::parameter_count(step.model)) / N_),
        narrow_(step.element != device::exact_of(step.element)) {
    for (const auto& [name, projection] :
         {std::pair{"qkv", Projection::qkv}, std::pair{"attention_out", Projection::attention_out},
          std::pair{"feed_forward_in", Projection::feed_forward_in},
          std::pair{"feed_forward_out", Projection::feed_forward_out}})
      linear(name, linear_shape(step, projection));
    head();
    attention();
    rows();
    flat();
  }

  std::map<std::string, OperatorCost> take() { return std::move(costs_); }

 private:
  void add(const std::string& name, double flops, double bytes, double calls) {
    costs_[name] = {name, flops, bytes, calls, false};
  }

  void linear(const std::string& name, const device::LinearShape& shape) {
    const double in = number(shape.in), out = number(shape.out), bias = gpt_ ? out : 0;
    const double flops = 2 * R_ * in * out, x = R_ * in, y = R_ * out, w = out * in;
    add(name + "_forward", flops, e_ * (x + w + bias + y), layer_calls_);
    add(name + "_backward_input", flops, e_ * (y + w + x), layer_calls_);
    add(name + "_backward_weight", flops, e_ * (y + x) + x_ * (w + bias), layer_calls_);
  }

  void head() {
    const double product = 2 * R_ * C_ * V_, tokens = 4 * R_;
    add("head_forward", product, e_ * (R_ * C_ + V_ * C_) + tokens + 3 * x_ * R_, micro_batches_);
    add("head_backward", 2 * product, e_ * (R_ * C_ + V_ * C_ + R_ * C_) + tokens + x_ * R_ + x_ * V_ * C_,
        micro_batches_);
  }

  void attention() {
    const double pairs = R_ * H_ * (S_ + 1) / 2, qkv = R_ * (H_ + 2 * K_) * D_, o = R_ * H_ * D_;
    add("attention_forward", 4 * D_ * pairs, e_ * (qkv + o) + x_ * R_ * H_, layer_calls_);
    add("attention_backward", 8 * D_ * pairs, e_ * (2 * o + 2 * qkv) + x_ * R_ * H_, layer_calls_);
  }

  void rows() {
    const double a = R_ * C_, both = gpt_ ? 2 : 1;  // statistics, parameters: two each or one
    const double norms = 2 * layer_calls_ + micro_batches_;
    add("norm_forward", (gpt_ ? 8 : 4) * a, e_ * (2 * a + both * C_) + x_ * both * R_, norms);
    // dx is read and written; the gradients of gain and bias too.
    add("norm_backward", (gpt_ ? 14 : 10) * a, e_ * (4 * a + C_) + x_ * (both * R_ + 2 * both * C_), norms);
    if (!gpt_) {
      const double turned = R_ * (H_ + K_) * D_;
      for (const char* name : {"rope_forward", "rope_backward"})
        add(name, 3 * turned, 2 * e_ * turned + x_ * S_ * D_, layer_calls_);
    }
    const double f = R_ * F_;
    add("activation_forward", (gpt_ ? 9 : 4) * f, e_ * (gpt_ ? 2 : 3) * f, layer_calls_);
    add("activation_backward", (gpt_ ? 18 : 10) * f, e_ * (gpt_ ? 3 : 5) * f, layer_calls_);
    // Rows of the table that are looked up, each once.
    const double words = std::min(R_, V_) * C_, positions = gpt_ ? S_ * C_ : 0, tokens = 4 * R_;
    add("embedding_forward", gpt_ ? a : 0, e_ * (words + positions + a) + tokens, micro_batches_);
    add("embedding_backward", (gpt_ ? 2 : 1) * a, e_ * a + 2 * x_ * (words + positions) + tokens,
        micro_batches_);
    add("residual_add", a, 3 * e_ * a, 2 * layer_calls_);
  }

  void flat() {
    add("sum_of_squares", 2 * N_, x_ * N_, flat_calls_);
    // Weights and both moments are read and written, gradients read; bf16 weights are written beside.
    add("adamw", 15 * N_, 7 * x_ * N_ + (narrow_ ? e_ * N_ : 0), flat_calls_);
  }

  const bool gpt_;
  const double e_, x_, R_, C_, F_, S_, V_, H_, K_, D_, N_, layer_calls_, micro_batches_, flat_calls_;
  const bool narrow_;
  std::map<std::string, OperatorCost> costs_;
};

}  // namespace

device::LinearShape linear_shape(const StepShape& step, Projection projection) {
  const training::ModelShape& m = step.model;
  switch (projection) {
    case Projection::qkv:
      return {step.rows(), m.width, m.width + 2 * m.kv_width()};
    case Projection::attention_out:
      return {step.rows(), m.width, m.width};
    case Projection::feed_forward_in:
      return {step.rows(), m.width, step.gpt() ? m.feed_forward : 2 * m.feed_forward};
    case Projection::feed_forward_out:
      break;
  }
  return {step.rows(), m.feed_forward, m.width};
}

device::AttentionShape attention_shape(const StepShape& step) {
  const training::ModelShape& m = step.model;
  return {step.micro_batch, m.sequence, m.heads, m.kv_heads, m.head_size()};
}

device::HeadShape head_shape(const StepShape& step) {
  return {step.rows(), step.model.width, step.model.vocabulary, 0};
}

std::int64_t flat_count(const StepShape& step, std::uint64_t cache_bytes) {
  const std::int64_t enough = std::max(std::int64_t{1} << 24, static_cast<std::int64_t>(cache_bytes));
  return std::min(training::parameter_count(step.model), enough);
}

const std::vector<OperatorName>& operator_names() {
  static const std::vector<OperatorName> names = [] {
    std::vector<OperatorName> all;
    for (const auto& [name, what] : {std::pair<std::string, std::string>{"qkv", "queries, keys and values"},
                                     {"attention_out", "the attention's output"},
                                     {"feed_forward_in", "into the feed-forward block"},
                                     {"feed_forward_out", "out of the feed-forward block"}}) {
      all.push_back({name + "_forward", true, "x W^T + b: " + what});
      all.push_back({name + "_backward_input", true, "dy W: " + what});
      all.push_back({name + "_backward_weight", true, "dy^T x: " + what});
    }
    all.push_back({"head_forward", true, "logits and cross-entropy, fused"});
    all.push_back({"head_backward", true, "their gradients; logits that are computed again do not count"});
    all.push_back({"attention_forward", true, "softmax(q k^T) v, causal"});
    all.push_back({"attention_backward", true, "its gradients; scores that are computed again do not count"});
    all.push_back({"norm_forward", false, "LayerNorm or RMSNorm"});
    all.push_back({"norm_backward", false, "its gradients"});
    all.push_back({"rope_forward", false, "rotary positions of queries and keys (Llama)"});
    all.push_back({"rope_backward", false, "turned back (Llama)"});
    all.push_back({"activation_forward", false, "GELU (GPT) or SwiGLU (Llama)"});
    all.push_back({"activation_backward", false, "its gradient"});
    all.push_back({"embedding_forward", false, "look-up of tokens, and of positions (GPT)"});
    all.push_back({"embedding_backward", false, "gradients of the tables"});
    all.push_back({"residual_add", false, "y += x"});
    all.push_back({"sum_of_squares", false, "of gradients, for their norm"});
    all.push_back({"adamw", false, "weights and moments"});
    return all;
  }();
  return names;
}

std::vector<OperatorCost> operator_costs(const StepShape& step, std::uint64_t cache_bytes) {
  std::map<std::string, OperatorCost> costs = Formulas(step, cache_bytes).take();
  std::vector<OperatorCost> ordered;
  for (const OperatorName& one : operator_names()) {
    const auto found = costs.find(one.name);
    if (found == costs.end()) continue;
    found->second.arithmetic = one.arithmetic;
    ordered.push_back(found->second);
  }
  return ordered;
}

std::vector<std::string> absent_operators(const StepShape& step) {
  if (!step.gpt()) return {};
  return {"rope_forward", "rope_backward"};
}

}  // namespace assay::bench::operators
