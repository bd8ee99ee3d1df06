// What works row by row or number by number: rotary positions, activations, embeddings, additions.
#include <algorithm>
#include <cmath>
#include <numeric>

#include "suites/compute/operators/family.h"

namespace assay::bench::operators {

namespace {

/// Rotary positions of queries and keys, in place: after n calls each pair is turned by n times its angle.
class RopeFamily final : public Family {
  enum : std::size_t { forward, backward };

 public:
  explicit RopeFamily(const FamilySetting& setting)
      : Family(setting),
        shape_(attention_shape(setting.step)),
        rows_(setting.step.rows()),
        turned_(shape_.heads + shape_.kv_heads),
        stride_((turned_ + shape_.kv_heads) * shape_.size),
        base_(setting.step.model.rope_base) {
    const auto turn = [this](std::size_t operand, int sign) {
      return [this, operand, sign](int slot) {
        device().rope(rows_, shape_.sequence, turned_, shape_.size, stride_, base_, sign, at(slot, operand));
      };
    };
    define({{"qkv", element(), rows_ * stride_, Use::replaced},
            {"dqkv", element(), rows_ * stride_, Use::replaced}},
           {timed("rope_forward", turn(forward, 1), {forward}),
            timed("rope_backward", turn(backward, -1), {backward})});
  }

  void reserve(device::Operators& operators) override {
    operators.reserve_rope(shape_.sequence, shape_.size, base_);
  }

 protected:
  /// Cosine and sine are rounded once, each call has three roundings more.
  Expected expected(int, std::size_t operand, std::int64_t index, std::int64_t calls) const override {
    const std::int64_t column = index % stride_, position = index / stride_ % shape_.sequence,
                       half = shape_.size / 2, within = column % shape_.size, i = within % half;
    if (column >= turned_ * shape_.size) return {ring_->beginning(operand, index), 0};  // values stay
    const std::int64_t low = index - within + i;
    const double sign = operand == forward ? 1 : -1, times = static_cast<double>(calls),
                 angle = sign * times * static_cast<double>(position) *
                         std::pow(base_, -2.0 * static_cast<double>(i) / static_cast<double>(shape_.size)),
                 a = ring_->beginning(operand, low), b = ring_->beginning(operand, low + half);
    const double turned =
        within < half ? a * std::cos(angle) - b * std::sin(angle) : b * std::cos(angle) + a * std::sin(angle);
    return {turned, 2 * times * (4 * u() + storing()) * (std::abs(a) + std::abs(b))};
  }

 private:
  const device::AttentionShape shape_;
  const std::int64_t rows_, turned_, stride_;
  const double base_;
};

/// GELU or SwiGLU. A logistic function of t, whose argument errs relatively by 6 u, errs relatively by (6 |t|
/// + 6) u, and its derivative by no more than that times its value.
class ActivationFamily final : public Family {
  enum : std::size_t { x, y, dy, dx };

 public:
  explicit ActivationFamily(const FamilySetting& setting)
      : Family(setting), rows_(setting.step.rows()), width_(setting.step.model.feed_forward) {
    const std::int64_t in = (gpt() ? 1 : 2) * rows_ * width_, out = rows_ * width_;
    constexpr double beyond_linear = 4;
    define({{"x", element(), in, Use::input, beyond_linear},
            {"y", element(), out, Use::output},
            {"dy", element(), out},
            {"dx", element(), in, Use::output}},
           {timed("activation_forward",
                  [this](int slot) {
                    if (gpt())
                      device().gelu_forward(rows_ * width_, at(slot, x), at(slot, y));
                    else
                      device().swiglu_forward(rows_, width_, at(slot, x), at(slot, y));
                  },
                  {y}),
            timed("activation_backward",
                  [this](int slot) {
                    if (gpt())
                      device().gelu_backward(rows_ * width_, at(slot, dy), at(slot, x), at(slot, dx));
                    else
                      device().swiglu_backward(rows_, width_, at(slot, dy), at(slot, x), at(slot, dx));
                  },
                  {dx})});
  }

 protected:
  Expected expected(int slot, std::size_t operand, std::int64_t index, std::int64_t) const override {
    if (gpt()) return gelu(value(slot, x, index), operand == y ? 1 : value(slot, dy, index), operand == y);
    const std::int64_t row = operand == y ? index / width_ : index / (2 * width_), column = index % width_;
    const double gate = value(slot, x, 2 * row * width_ + column),
                 up = value(slot, x, (2 * row + 1) * width_ + column), logistic = 1 / (1 + std::exp(-gate)),
                 relative = (2 * std::abs(gate) + 12) * u();
    if (operand == y) return {gate * logistic * up, relative * std::abs(gate * up) * logistic};
    const double by = value(slot, dy, row * width_ + column);
    if (index % (2 * width_) >= width_)
      return {by * gate * logistic, relative * std::abs(by * gate) * logistic};
    return {by * up * logistic * (1 + gate * (1 - logistic)),
            relative * std::abs(by * up) * logistic * (1 + 2 * std::abs(gate))};
  }

 private:
  /// 0.5 v (1 + tanh(c (v + 0.044715 v^3))) = v logistic(t), t = 2 c (v + 0.044715 v^3), c = sqrt(2 / pi).
  Expected gelu(double v, double by, bool is_forward) const {
    const double slope = 2 * std::sqrt(2 / M_PI), t = slope * (v + 0.044715 * v * v * v),
                 logistic = 1 / (1 + std::exp(-t)), inner = slope * (1 + 3 * 0.044715 * v * v),
                 relative = (6 * std::abs(t) + 12) * u();
    if (is_forward) return {v * logistic, relative * std::abs(v) * logistic};
    return {by * (logistic + v * logistic * (1 - logistic) * inner),
            relative * std::abs(by) * (logistic + 2 * std::abs(v) * logistic * inner)};
  }

  const std::int64_t rows_, width_;
};

/// Tokens are all different until all of the vocabulary has been seen.
class EmbeddingFamily final : public Family {
  enum : std::size_t { tokens, table, position, y, dy, dtable, dposition };

 public:
  explicit EmbeddingFamily(const FamilySetting& setting)
      : Family(setting),
        rows_(setting.step.rows()),
        width_(setting.step.model.width),
        sequence_(setting.step.model.sequence),
        vocabulary_(setting.step.model.vocabulary) {
    const std::int64_t positions = gpt() ? sequence_ * width_ : 0;
    std::vector<std::size_t> backward = {dtable};
    if (gpt()) backward.push_back(dposition);
    define({{"tokens", device::Element::int32, rows_},
            {"table", element(), vocabulary_ * width_},
            {"positions", element(), positions},
            {"y", element(), rows_ * width_, Use::output},
            {"dy", element(), rows_ * width_},
            {"dtable", exact(), vocabulary_ * width_, Use::accumulated},
            {"dpositions", exact(), positions, Use::accumulated}},
           {timed("embedding_forward",
                  [this](int slot) {
                    device().embedding_forward(rows_, width_, sequence_, on_device(slot), at(slot, table), 0,
                                               vocabulary_, gpt() ? at(slot, position) : nullptr,
                                               at(slot, y));
                  },
                  {y}),
            timed(
                "embedding_backward",
                [this](int slot) {
                  device().embedding_backward(rows_, width_, sequence_, on_device(slot), at(slot, dy),
                                              at(slot, dtable), 0, vocabulary_,
                                              gpt() ? at(slot, dposition) : nullptr);
                },
                backward)});
  }

 protected:
  void derive() override {
    // A step without a common factor visits every word before one comes again.
    std::int64_t step = vocabulary_ * 5 / 8 + 1;
    while (std::gcd(step, vocabulary_) != 1) ++step;
    for (int slot = 0; slot < slots(); ++slot)
      for (std::int64_t row = 0; row < rows_; ++row)
        tokens_at(slot, tokens)[row] =
            static_cast<std::int32_t>((row + slot * rows_) % vocabulary_ * step % vocabulary_);
    ring_->push({tokens});
  }

  /// Rows of the table that tokens named, but for every eighth sample.
  std::int64_t place(int slot, std::size_t operand, int sample, std::uint64_t bits) const override {
    if (operand != dtable || sample % 8 == 7) return Family::place(slot, operand, sample, bits);
    const auto row = static_cast<std::int64_t>(bits % static_cast<std::uint64_t>(rows_)),
               column = static_cast<std::int64_t>((bits >> 32) % static_cast<std::uint64_t>(width_));
    return words(slot)[row] * width_ + column;
  }

  Expected expected(int slot, std::size_t operand, std::int64_t index, std::int64_t calls) const override {
    const std::int64_t column = index % width_, of = index / width_;
    if (operand == y) {
      const double word = value(slot, table, words(slot)[of] * width_ + column),
                   place_of = gpt() ? value(slot, position, of % sequence_ * width_ + column) : 0;
      return {word + place_of, 2 * u() * (std::abs(word) + std::abs(place_of))};
    }
    double sum = 0, size = 0, terms = 0;
    for (std::int64_t row = 0; row < rows_; ++row) {
      if (of != (operand == dtable ? words(slot)[row] : row % sequence_)) continue;
      const double up = value(slot, dy, row * width_ + column);
      sum += up;
      size += std::abs(up);
      ++terms;
    }
    const double times = static_cast<double>(calls), begin = ring_->beginning(operand, index);
    return {begin + times * sum, (times * terms + 4) * u() * (begin + times * size)};
  }

 private:
  const std::int32_t* words(int slot) const { return tokens_at(slot, tokens); }
  const std::int32_t* on_device(int slot) const { return static_cast<const std::int32_t*>(at(slot, tokens)); }

  const std::int64_t rows_, width_, sequence_, vocabulary_;
};

/// y += x.
class ResidualFamily final : public Family {
  enum : std::size_t { x, y };

 public:
  explicit ResidualFamily(const FamilySetting& setting)
      : Family(setting), count_(setting.step.rows() * setting.step.model.width) {
    define(
        {{"x", element(), count_}, {"y", element(), count_, Use::accumulated}},
        {timed("residual_add", [this](int slot) { device().add(count_, at(slot, x), at(slot, y)); }, {y})});
  }

 protected:
  Expected expected(int slot, std::size_t, std::int64_t index, std::int64_t calls) const override {
    const double step = value(slot, x, index), begin = ring_->beginning(y, index),
                 times = static_cast<double>(calls);
    return {begin + times * step, times * (2 * u() + storing()) * (begin + times * std::abs(step))};
  }

 private:
  const std::int64_t count_;
};

}  // namespace

std::unique_ptr<Family> rope_family(const FamilySetting& setting) {
  return std::make_unique<RopeFamily>(setting);
}
std::unique_ptr<Family> activation_family(const FamilySetting& setting) {
  return std::make_unique<ActivationFamily>(setting);
}
std::unique_ptr<Family> embedding_family(const FamilySetting& setting) {
  return std::make_unique<EmbeddingFamily>(setting);
}
std::unique_ptr<Family> residual_family(const FamilySetting& setting) {
  return std::make_unique<ResidualFamily>(setting);
}

}  // namespace assay::bench::operators
