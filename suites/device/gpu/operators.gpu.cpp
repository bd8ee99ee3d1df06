// The operators on the GPU: which kernels and products make each, their scratch memory, and the blocks of the
// fused head.
#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "suites/device/gpu/gpu_operators.h"
#include "suites/device/gpu/operator_kernels.h"
#include "suites/device/gpu/products.h"
#include "suites/device/vocabulary_blocks.h"

namespace assay::gpu {

namespace {

using device::AttentionShape;
using device::ConstValues;
using device::Element;
using device::HeadShape;
using device::LinearShape;
using device::Values;

/// The device's memory: grows while a program prepares itself, and stays as it is afterwards.
class Memory {
 public:
  Memory() = default;
  explicit Memory(std::size_t bytes) { reserve(bytes); }
  ~Memory() { release_bytes(memory_); }
  Memory(Memory&& other) noexcept
      : memory_(std::exchange(other.memory_, nullptr)), bytes_(std::exchange(other.bytes_, 0)) {}
  Memory(const Memory&) = delete;
  Memory& operator=(const Memory&) = delete;

  void reserve(std::size_t bytes) {
    if (bytes <= bytes_) return;
    release_bytes(std::exchange(memory_, nullptr));
    bytes_ = 0;
    memory_ = allocate_bytes(bytes);
    bytes_ = bytes;
  }
  void* get() const { return memory_; }
  std::size_t bytes() const { return bytes_; }

 private:
  void* memory_ = nullptr;
  std::size_t bytes_ = 0;
};

[[noreturn]] void not_reserved(const std::string& what) {
  throw std::logic_error(what + " of this shape was not reserved before the first step");
}

/// How the fused head cuts its vocabulary.
class HeadBlocks {
 public:
  HeadBlocks(const HeadShape& shape, Index number_bytes) {
    // What goes beyond whole packs is a small block of its own: for such sizes libraries have only slow
    // kernels.
    constexpr Index unit = 128, pack = 16;
    rest_ = shape.vocabulary > unit && shape.vocabulary % pack != 0 ? shape.vocabulary % unit : 0;
    HeadShape whole = shape;
    whole.vocabulary -= rest_;
    // Some 256 MiB of f32 logits, so that products are large.
    const device::VocabularyBlocks blocks(whole, {Index{1} << 26, 1024, 8192, unit});
    whole_ = blocks.count;
    last_ = blocks.last;
    columns = blocks.columns;
    count = whole_ + (rest_ > 0 ? 1 : 0);
    // The first blocks of the forward pass are kept, so that the backward pass need not compute them again: a
    // quarter of the head's operations where all are. At most 4 GiB, and a sixteenth of the GPU's memory.
    const Index most_kept = std::min<Index>(Index{4} << 30, static_cast<Index>(total_bytes() / 16));
    kept = std::min(count, most_kept / std::max<Index>(shape.rows * columns * number_bytes, 1));
  }

  Index columns = 0;  ///< of the widest
  Index count = 0, kept = 0;
  Index of(Index block) const { return block == whole_ ? rest_ : block + 1 == whole_ ? last_ : columns; }

 private:
  Index whole_ = 0, last_ = 0, rest_ = 0;
};

std::size_t bytes_for(Index numbers, std::size_t each) {
  constexpr std::size_t unit = 256;
  return (static_cast<std::size_t>(numbers) * each + unit - 1) / unit * unit;
}

template <typename E>
class GpuOperators final : public device::Operators {
  using X = Exact<E>;
  static constexpr bool narrow = !std::is_same_v<E, X>;

 public:
  GpuOperators(Element element, Queue& queue)
      : element_(element),
        queue_(queue),
        stream_(static_cast<Stream>(queue.stream())),
        products_(plan_products(element, queue)),
        partial_(partial_bytes),
        order_(static_cast<std::size_t>(most_ordered_rows) * sizeof(std::int32_t)),
        sums_((most_partials + 1) * sizeof(double)),
        factors_(sizeof(device::AdamWFactors)),
        sum_(static_cast<double*>(allocate_pinned_bytes(sizeof(double)))) {}
  ~GpuOperators() override { release_pinned_bytes(sum_); }
  GpuOperators(const GpuOperators&) = delete;
  GpuOperators& operator=(const GpuOperators&) = delete;

  Element element() const override { return element_; }

  void reserve_linear(const LinearShape& s) override {
    products_->reserve(forward_of(s.rows, s.in, s.out, false));
    products_->reserve(input_of(s.rows, s.in, s.out, false));
    products_->reserve(weight_of(s.rows, s.in, s.out));
  }

  void reserve_attention(const AttentionShape& s) override {
    if (s.size > most_head_size)
      throw GpuError("heads of " + std::to_string(s.size) + " numbers; this build's attention takes up to " +
                     std::to_string(most_head_size));
    scratch_.reserve(attention_bytes(s));
  }

  void reserve_head(const HeadShape& s) override {
    const HeadBlocks blocks(s, sizeof(X));
    for (Index block = 0; block < blocks.count; ++block) {
      const Index columns = blocks.of(block);
      products_->reserve(forward_of(s.rows, s.width, columns, true));
      products_->reserve(input_of(s.rows, s.width, columns, true));
      products_->reserve(weight_of(s.rows, s.width, columns));
    }
    scratch_.reserve(head_bytes(s, blocks));
    kept_.reserve(kept_bytes(s, blocks));
    kept_for_ = {};
  }

  void reserve_rope(Index sequence, Index size, double base) override {
    const Index half = size / 2;
    const auto numbers = static_cast<std::size_t>(sequence * half);
    std::vector<X> table(2 * numbers);
    for (Index position = 0; position < sequence; ++position)
      for (Index i = 0; i < half; ++i) {
        const double angle = static_cast<double>(position) *
                             std::pow(base, -2.0 * static_cast<double>(i) / static_cast<double>(size));
        const auto at = static_cast<std::size_t>(position * half + i);
        table[at] = static_cast<X>(std::cos(angle));
        table[numbers + at] = static_cast<X>(std::sin(angle));
      }
    if (find_rope(sequence, size, base) == nullptr)
      rope_tables_.push_back({sequence, size, base, Memory(table.size() * sizeof(X))});
    const Memory& held = find_rope(sequence, size, base)->memory;
    queue_.copy(held.get(), table.data(), table.size() * sizeof(X));
    queue_.finish();  // the host's table goes
  }

  Index scratch_bytes() const override {
    std::size_t bytes = 0;
    for (const Memory* memory : {&scratch_, &kept_, &partial_, &order_, &sums_, &factors_})
      bytes += memory->bytes();
    for (const RopeTable& table : rope_tables_) bytes += table.memory.bytes();
    return static_cast<Index>(bytes) + products_->scratch_bytes();
  }

  std::map<std::string, std::string> describe() const override {
    std::map<std::string, std::string> path = products_->describe();
    path["kernels"] = "Assay's own for all but products";
    if constexpr (narrow) path["attention"] = "matrix units, 16 x 16 fragments";
    return path;
  }

  void linear_forward(const LinearShape& s, ConstValues x, ConstValues weight, ConstValues bias,
                      Values y) override {
    products_->run(forward_of(s.rows, s.in, s.out, false), x, weight, bias, y, false);
  }
  void linear_backward_input(const LinearShape& s, ConstValues dy, ConstValues weight, Values dx) override {
    products_->run(input_of(s.rows, s.in, s.out, false), dy, weight, nullptr, dx, false);
  }
  void linear_backward_weight(const LinearShape& s, ConstValues dy, ConstValues x, Values dweight,
                              Values dbias, bool accumulate) override {
    products_->run(weight_of(s.rows, s.in, s.out), dy, x, nullptr, dweight, accumulate);
    if (dbias != nullptr)
      begin_column_sums<E>(stream_, s.rows, s.out, in(dy), exact(dbias), accumulate, partial());
  }

  void layer_norm_forward(Index rows, Index width, ConstValues x, ConstValues gamma, ConstValues beta,
                          Values y, Values mean, Values deviation) override {
    begin_norm_forward(stream_, rows, width, in(x), in(gamma), in(beta), out(y), exact(mean),
                       exact(deviation));
  }
  void layer_norm_backward(Index rows, Index width, ConstValues dy, ConstValues x, ConstValues gamma,
                           ConstValues mean, ConstValues deviation, Values dx, Values dgamma,
                           Values dbeta) override {
    begin_norm_backward(stream_, rows, width, in(dy), in(x), in(gamma), exact(mean), exact(deviation),
                        out(dx));
    begin_norm_parameters(stream_, rows, width, in(dy), in(x), exact(mean), exact(deviation), exact(dgamma),
                          exact(dbeta), partial());
  }
  void rms_norm_forward(Index rows, Index width, ConstValues x, ConstValues gamma, Values y,
                        Values deviation) override {
    begin_norm_forward(stream_, rows, width, in(x), in(gamma), in(nullptr), out(y), exact(no_values),
                       exact(deviation));
  }
  void rms_norm_backward(Index rows, Index width, ConstValues dy, ConstValues x, ConstValues gamma,
                         ConstValues deviation, Values dx, Values dgamma) override {
    const X* const no_mean = nullptr;
    begin_norm_backward(stream_, rows, width, in(dy), in(x), in(gamma), no_mean, exact(deviation), out(dx));
    begin_norm_parameters(stream_, rows, width, in(dy), in(x), no_mean, exact(deviation), exact(dgamma),
                          exact(no_values), partial());
  }

  void gelu_forward(Index count, ConstValues x, Values y) override {
    begin_gelu_forward(stream_, count, in(x), out(y));
  }
  void gelu_backward(Index count, ConstValues dy, ConstValues x, Values dx) override {
    begin_gelu_backward(stream_, count, in(dy), in(x), out(dx));
  }
  void swiglu_forward(Index rows, Index width, ConstValues x, Values y) override {
    begin_swiglu_forward(stream_, rows, width, in(x), out(y));
  }
  void swiglu_backward(Index rows, Index width, ConstValues dy, ConstValues x, Values dx) override {
    begin_swiglu_backward(stream_, rows, width, in(dy), in(x), out(dx));
  }

  void rope(Index rows, Index sequence, Index heads, Index size, Index stride, double base, int sign,
            Values x) override {
    const RopeTable* const table = find_rope(sequence, size, base);
    if (table == nullptr) not_reserved("rope");
    const X* const cosines = static_cast<const X*>(table->memory.get());
    begin_rope<E>(stream_, rows, sequence, heads, size, stride, cosines, cosines + sequence * (size / 2),
                  sign, out(x));
  }

  void attention_forward(const AttentionShape& s, ConstValues q, ConstValues k, ConstValues v, Index stride,
                         Values o, Values log_sum) override {
    if (attention_bytes(s) > scratch_.bytes()) not_reserved("attention");
    const AttentionForward<E> call{s, in(q), in(k), in(v), stride, out(o), exact(log_sum)};
    if constexpr (narrow)
      if (fragments_take(s)) return begin_attention_forward_on_fragments(stream_, call);
    begin_attention_forward(stream_, call);
  }
  void attention_backward(const AttentionShape& s, ConstValues d_o, ConstValues q, ConstValues k,
                          ConstValues v, Index stride, ConstValues o, ConstValues log_sum, Values dq,
                          Values dk, Values dv) override {
    if (attention_bytes(s) > scratch_.bytes()) not_reserved("attention");
    const AttentionBackward<E> call{s,     in(d_o),        in(q),   in(k),   in(v),   stride,
                                    in(o), exact(log_sum), out(dq), out(dk), out(dv), exact(scratch_.get())};
    begin_attention_products(stream_, call);
    if constexpr (narrow)
      if (fragments_take(s)) return begin_attention_backward_on_fragments(stream_, call);
    begin_attention_backward(stream_, call);
  }

  void embedding_forward(Index rows, Index width, Index sequence, const std::int32_t* tokens,
                         ConstValues table, Index first, Index vocabulary, ConstValues position,
                         Values y) override {
    begin_embedding_forward(stream_, rows, width, sequence, tokens, in(table), first, vocabulary,
                            in(position), out(y));
  }
  void embedding_backward(Index rows, Index width, Index sequence, const std::int32_t* tokens, ConstValues dy,
                          Values dtable, Index first, Index vocabulary, Values dposition) override {
    begin_embedding_backward(stream_, rows, width, sequence, tokens, in(dy), exact(dtable), first, vocabulary,
                             exact(dposition), static_cast<std::int32_t*>(order_.get()));
  }

  void head_forward(const HeadShape& s, ConstValues x, ConstValues weight, const std::int32_t* targets,
                    Values largest, Values sum, Values target_logit) override {
    const HeadBlocks blocks(s, sizeof(X));
    const HeadScratch at = head_scratch(s, blocks);
    for (Index block = 0; block < blocks.count; ++block) {
      const Index start = block * blocks.columns, columns = blocks.of(block);
      X* const kept = kept_logits(s, blocks, block);
      X* const logits = kept != nullptr ? kept : at.logits;
      products_->run(forward_of(s.rows, s.width, columns, true), x, in(weight) + start * s.width, nullptr,
                     logits, false);
      begin_head_scan<X>(stream_, s.rows, columns, logits, targets, s.first + start, block == 0,
                         exact(largest), exact(sum), exact(target_logit));
    }
    kept_for_ = {x, weight, s.rows, s.width, s.vocabulary};
  }
  void head_backward(const HeadShape& s, ConstValues x, ConstValues weight, const std::int32_t* targets,
                     ConstValues log_sum, double scale, Values dx, Values dweight, bool accumulate) override {
    const HeadBlocks blocks(s, sizeof(X));
    const HeadScratch at = head_scratch(s, blocks);
    const bool kept_ones = kept_for_ == KeptFor{x, weight, s.rows, s.width, s.vocabulary};
    kept_for_ = {};
    X* dx_sum;
    if constexpr (narrow)
      dx_sum = at.dx;
    else
      dx_sum = exact(dx);
    for (Index block = 0; block < blocks.count; ++block) {
      const Index start = block * blocks.columns, columns = blocks.of(block);
      const E* const rows_of_w = in(weight) + start * s.width;
      X* const kept = kept_ones ? kept_logits(s, blocks, block) : nullptr;
      X* const logits = kept != nullptr ? kept : at.logits;
      E* gradient;
      if constexpr (narrow)
        gradient = at.gradient;
      else
        gradient = logits;
      if (kept == nullptr)
        products_->run(forward_of(s.rows, s.width, columns, true), x, rows_of_w, nullptr, logits, false);
      begin_head_gradient<E>(stream_, s.rows, columns, logits, targets, s.first + start, exact(log_sum),
                             scale, gradient);
      products_->run(input_of(s.rows, s.width, columns, true), gradient, rows_of_w, nullptr, dx_sum,
                     block > 0);
      products_->run(weight_of(s.rows, s.width, columns), gradient, x, nullptr,
                     exact(dweight) + start * s.width, accumulate);
    }
    if constexpr (narrow) begin_round<E>(stream_, s.rows * s.width, dx_sum, out(dx));
  }

  void add(Index count, ConstValues x, Values y) override { begin_add(stream_, count, in(x), out(y)); }
  void add_exact(Index count, ConstValues x, Values y) override {
    begin_add(stream_, count, exact(x), exact(y));
  }

  double sum_of_squares(Index count, ConstValues x) override {
    double* const result = partial_sums() + most_partials;
    begin_sum_of_squares(stream_, count, exact(x), partial_sums(), false, result);
    queue_.copy(sum_, result, sizeof(double));
    queue_.finish();
    return *sum_;
  }
  void add_squares(Index count, ConstValues x, double* sum) override {
    begin_sum_of_squares(stream_, count, exact(x), partial_sums(), true, sum);
  }
  void add_checksum(const device::HeldElements& held, ConstValues values, std::uint64_t* sum) override {
    begin_checksum(stream_, held, in(values), sum);
  }
  void head_loss(Index rows, ConstValues largest, ConstValues sum, ConstValues target_logit, Values log_sum,
                 double* loss) override {
    begin_head_loss(stream_, rows, exact(largest), exact(sum), exact(target_logit), exact(log_sum),
                    partial_sums(), loss);
  }

  void adamw(Index count, const device::AdamW& settings, Values master, Values first_moment,
             Values second_moment, Values gradient, Values weights) override {
    const auto begin = [&](auto* first_moments, auto* second_moments) {
      begin_adamw(stream_, count, settings, exact(master), first_moments, second_moments, exact(gradient),
                  out(weights), static_cast<device::AdamWFactors*>(factors_.get()));
    };
    if (settings.narrow_moments)
      begin(static_cast<device::Bf16*>(first_moment), static_cast<device::Bf16*>(second_moment));
    else
      begin(exact(first_moment), exact(second_moment));
  }

 private:
  /// In a list, not in a map: clang 15 fails on maps of such as HIP.
  struct RopeTable {
    Index sequence, size;
    double base;
    Memory memory;
  };
  struct HeadScratch {
    X *logits, *dx;
    E* gradient;  ///< narrow elements: else it takes the logits' place
  };
  /// The forward pass whose logits are kept.
  struct KeptFor {
    ConstValues x = nullptr, weight = nullptr;
    Index rows = 0, width = 0, vocabulary = 0;
    bool operator==(const KeptFor&) const = default;
  };
  static constexpr std::size_t partial_bytes = std::size_t{8} << 20;
  static constexpr Values no_values = nullptr;

  static const E* in(ConstValues values) { return static_cast<const E*>(values); }
  static E* out(Values values) { return static_cast<E*>(values); }
  static const X* exact(ConstValues values) { return static_cast<const X*>(values); }
  static X* exact(Values values) { return static_cast<X*>(values); }

  // y = x W^T; dx = dy W; dW = dy^T x.
  static ProductShape forward_of(Index rows, Index wide_in, Index wide_out, bool to_exact) {
    return {false, true, to_exact, {rows, wide_out, wide_in}};
  }
  static ProductShape input_of(Index rows, Index wide_in, Index wide_out, bool to_exact) {
    return {false, false, to_exact, {rows, wide_in, wide_out}};
  }
  static ProductShape weight_of(Index rows, Index wide_in, Index wide_out) {
    return {true, false, true, {wide_out, wide_in, rows}};
  }

  const RopeTable* find_rope(Index sequence, Index size, double base) const {
    for (const RopeTable& table : rope_tables_)
      if (table.sequence == sequence && table.size == size && table.base == base) return &table;
    return nullptr;
  }

  double* partial_sums() const { return static_cast<double*>(sums_.get()); }
  Partial partial() const { return {partial_.get(), partial_.bytes()}; }

  static std::size_t attention_bytes(const AttentionShape& s) {
    return bytes_for(s.batch * s.sequence * s.heads, sizeof(X));
  }
  static std::size_t head_bytes(const HeadShape& s, const HeadBlocks& blocks) {
    const Index logits = s.rows * blocks.columns;
    return bytes_for(logits, sizeof(X)) +
           (narrow ? bytes_for(s.rows * s.width, sizeof(X)) + bytes_for(logits, sizeof(E)) : 0);
  }
  static std::size_t kept_bytes(const HeadShape& s, const HeadBlocks& blocks) {
    return bytes_for(blocks.kept * s.rows * blocks.columns, sizeof(X));
  }
  /// Where the logits of a block are kept, null for those that are not.
  X* kept_logits(const HeadShape& s, const HeadBlocks& blocks, Index block) const {
    return block < blocks.kept ? static_cast<X*>(kept_.get()) + block * s.rows * blocks.columns : nullptr;
  }
  HeadScratch head_scratch(const HeadShape& s, const HeadBlocks& blocks) const {
    if (head_bytes(s, blocks) > scratch_.bytes() || kept_bytes(s, blocks) > kept_.bytes())
      not_reserved("a head");
    auto* const logits = static_cast<unsigned char*>(scratch_.get());
    if constexpr (narrow) {
      auto* const dx = logits + bytes_for(s.rows * blocks.columns, sizeof(X));
      auto* const gradient = dx + bytes_for(s.rows * s.width, sizeof(X));
      return {reinterpret_cast<X*>(logits), reinterpret_cast<X*>(dx), reinterpret_cast<E*>(gradient)};
    } else {
      return {reinterpret_cast<X*>(logits), nullptr, nullptr};
    }
  }

  Element element_;
  Queue& queue_;
  Stream stream_;
  std::unique_ptr<Products> products_;
  Memory scratch_, kept_, partial_, order_, sums_, factors_;
  KeptFor kept_for_;
  double* sum_;  // pinned
  std::vector<RopeTable> rope_tables_;
};

}  // namespace

std::unique_ptr<device::Operators> gpu_operators(Element element, Queue& queue) {
  switch (element) {
    case Element::f64:
      return std::make_unique<GpuOperators<double>>(element, queue);
    case Element::f32:
      return std::make_unique<GpuOperators<float>>(element, queue);
    case Element::bf16:
      return std::make_unique<GpuOperators<device::Bf16>>(element, queue);
    default:
      throw GpuError("no training step in " + std::string(name_of(element)) + "; ask for f64, f32 or bf16");
  }
}

}  // namespace assay::gpu
