// The operators on the processor cores: which thread does which piece, and the blocks of the fused head. The
// loops are in operators_loops.h and operators_attention.h, the products in operators_products.cpp.
//
// Sums over rows into a column (gradients of norms, biases, embeddings) share out the columns, so that they
// need no partial sums and do not depend on the number of threads.
#include "suites/device/operators.h"

#include <omp.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <stdexcept>
#include <tuple>
#include <utility>
#include <vector>

#include "reports/base/error.h"
#include "suites/device/adamw_factors.h"
#include "suites/device/device.h"
#include "suites/device/host/cpu.h"
#include "suites/device/host/operators_kernels.h"
#include "suites/device/host/operators_products.h"
#include "suites/device/host/scratch.h"
#include "suites/device/vocabulary_blocks.h"

namespace assay::device {

template <typename E>
const Kernels<E>& kernels() {
#if defined(__x86_64__)
  if (cpu_features().avx512) return avx512_kernels<E>();
  if (cpu_features().fma) return avx2_kernels<E>();
#endif
  return plain_kernels<E>();
}
template const Kernels<double>& kernels<double>();
template const Kernels<float>& kernels<float>();
template const Kernels<Bf16>& kernels<Bf16>();

namespace {

using Index = std::int64_t;

[[noreturn]] void not_reserved(const std::string& what) {
  throw std::logic_error(what + " of this shape was not reserved before the first step");
}

/// Some 4 MiB of f32 logits: they stay in the caches, and a block is deep enough for the products.
constexpr VocabularyBlocks::Limits head_limits{Index{1} << 20, 512, 8192, 64};

struct HeadBlocks : VocabularyBlocks {
  HeadBlocks(const HeadShape& shape, Index number_bytes) : VocabularyBlocks(shape, head_limits) {
    // The last blocks of the forward pass are kept for the backward pass: the fewer are computed again, the
    // better, but never more than half of all logits and 32 MiB.
    constexpr Index most_kept = Index{32} << 20;
    kept = std::min(count / 2, most_kept / std::max<Index>(shape.rows * columns * number_bytes, 1));
  }
  Index kept = 0;
};

template <typename E>
class HostOperators : public Operators {
  using X = exact_t<E>;
  static constexpr bool narrow = !std::is_same_v<E, X>;

 public:
  HostOperators(Element element, int threads, std::unique_ptr<Products> products, bool counting)
      : element_(element),
        threads_(std::max(threads, 1)),
        counting_(counting),
        products_(std::move(products)),
        scratch_(counting),
        kept_(counting) {}

  Element element() const override { return element_; }

  void reserve_linear(const LinearShape& s) override {
    products_->reserve({ProductForm::forward, s.rows, s.in, s.out, false});
    products_->reserve({ProductForm::input, s.rows, s.in, s.out, false});
    products_->reserve({ProductForm::weight, s.rows, s.in, s.out, true});
  }

  void reserve_attention(const AttentionShape& s) override {
    scratch_.reserve(static_cast<std::size_t>(threads_) * attention_bytes(s));
  }

  void reserve_head(const HeadShape& s) override {
    const HeadBlocks blocks(s, sizeof(X));
    for (const Index columns : {blocks.columns, blocks.last}) {
      products_->reserve({ProductForm::forward, s.rows, s.width, columns, true});
      products_->reserve({ProductForm::input, s.rows, s.width, columns, true});
      products_->reserve({ProductForm::weight, s.rows, s.width, columns, true});
    }
    scratch_.reserve(head_bytes(s, blocks));
    kept_.reserve(kept_bytes(s, blocks));
    kept_for_ = {};
  }

  void reserve_rope(Index sequence, Index size, double base) override {
    RopeTable& table = rope_tables_[{sequence, size, base}];
    const Index half = size / 2;
    if (counting_) return;
    table.cosines.resize(static_cast<std::size_t>(sequence * half));
    table.sines.resize(table.cosines.size());
    for (Index position = 0; position < sequence; ++position)
      for (Index i = 0; i < half; ++i) {
        const double angle = static_cast<double>(position) *
                             std::pow(base, -2.0 * static_cast<double>(i) / static_cast<double>(size));
        table.cosines[static_cast<std::size_t>(position * half + i)] = static_cast<X>(std::cos(angle));
        table.sines[static_cast<std::size_t>(position * half + i)] = static_cast<X>(std::sin(angle));
      }
  }

  Index scratch_bytes() const override {
    Index bytes = static_cast<Index>(scratch_.bytes() + kept_.bytes()) + products_->scratch_bytes();
    for (const auto& [key, table] : rope_tables_)
      bytes += static_cast<Index>(2 * sizeof(X)) * std::get<0>(key) * (std::get<1>(key) / 2);
    return bytes;
  }

  std::map<std::string, std::string> describe() const override {
    std::map<std::string, std::string> path = products_->describe();
    path["loops"] = loops_.vectors;
    path["loop_threads"] = std::to_string(threads_);
    return path;
  }

  void linear_forward(const LinearShape& s, ConstValues x, ConstValues weight, ConstValues bias,
                      Values y) override {
    products_->run({ProductForm::forward, s.rows, s.in, s.out, false}, x, weight, bias, y, false);
  }
  void linear_backward_input(const LinearShape& s, ConstValues dy, ConstValues weight, Values dx) override {
    products_->run({ProductForm::input, s.rows, s.in, s.out, false}, dy, weight, nullptr, dx, false);
  }
  void linear_backward_weight(const LinearShape& s, ConstValues dy, ConstValues x, Values dweight,
                              Values dbias, bool accumulate) override {
    products_->run({ProductForm::weight, s.rows, s.in, s.out, true}, dy, x, nullptr, dweight, accumulate);
    if (dbias == nullptr) return;
    over(s.out, line, s.rows, [&](Index first, Index last) {
      if (!accumulate) std::fill(exact(dbias) + first, exact(dbias) + last, X{0});
      loops_.column_sums(s.rows, s.out, first, last, in(dy), exact(dbias));
    });
  }

  void layer_norm_forward(Index rows, Index width, ConstValues x, ConstValues gamma, ConstValues beta,
                          Values y, Values mean, Values deviation) override {
    over(rows, 1, width, [&](Index first, Index last) {
      loops_.layer_norm_forward(first, last, width, in(x), in(gamma), in(beta), out(y), exact(mean),
                                exact(deviation));
    });
  }
  void layer_norm_backward(Index rows, Index width, ConstValues dy, ConstValues x, ConstValues gamma,
                           ConstValues mean, ConstValues deviation, Values dx, Values dgamma,
                           Values dbeta) override {
    over(rows, 1, width, [&](Index first, Index last) {
      loops_.layer_norm_backward(first, last, width, in(dy), in(x), in(gamma), exact(mean), exact(deviation),
                                 out(dx));
    });
    over(width, line, rows, [&](Index first, Index last) {
      loops_.layer_norm_parameters(rows, width, first, last, in(dy), in(x), exact(mean), exact(deviation),
                                   exact(dgamma), exact(dbeta));
    });
  }
  void rms_norm_forward(Index rows, Index width, ConstValues x, ConstValues gamma, Values y,
                        Values deviation) override {
    over(rows, 1, width, [&](Index first, Index last) {
      loops_.rms_norm_forward(first, last, width, in(x), in(gamma), out(y), exact(deviation));
    });
  }
  void rms_norm_backward(Index rows, Index width, ConstValues dy, ConstValues x, ConstValues gamma,
                         ConstValues deviation, Values dx, Values dgamma) override {
    over(rows, 1, width, [&](Index first, Index last) {
      loops_.rms_norm_backward(first, last, width, in(dy), in(x), in(gamma), exact(deviation), out(dx));
    });
    over(width, line, rows, [&](Index first, Index last) {
      loops_.rms_norm_parameters(rows, width, first, last, in(dy), in(x), exact(deviation), exact(dgamma));
    });
  }

  void gelu_forward(Index count, ConstValues x, Values y) override {
    over(count, line, 1,
         [&](Index first, Index last) { loops_.gelu_forward(last - first, in(x) + first, out(y) + first); });
  }
  void gelu_backward(Index count, ConstValues dy, ConstValues x, Values dx) override {
    over(count, line, 1, [&](Index first, Index last) {
      loops_.gelu_backward(last - first, in(dy) + first, in(x) + first, out(dx) + first);
    });
  }
  void swiglu_forward(Index rows, Index width, ConstValues x, Values y) override {
    over(rows, 1, width,
         [&](Index first, Index last) { loops_.swiglu_forward(first, last, width, in(x), out(y)); });
  }
  void swiglu_backward(Index rows, Index width, ConstValues dy, ConstValues x, Values dx) override {
    over(rows, 1, width, [&](Index first, Index last) {
      loops_.swiglu_backward(first, last, width, in(dy), in(x), out(dx));
    });
  }

  void rope(Index rows, Index sequence, Index heads, Index size, Index stride, double base, int sign,
            Values x) override {
    const auto table = rope_tables_.find({sequence, size, base});
    if (table == rope_tables_.end()) not_reserved("rope");
    const X *const cosines = table->second.cosines.data(), *const sines = table->second.sines.data();
    over(rows, 1, heads * size, [&](Index first, Index last) {
      loops_.rope(first, last, sequence, heads, size, stride, cosines, sines, sign < 0 ? X{-1} : X{1},
                  out(x));
    });
  }

  void attention_forward(const AttentionShape& s, ConstValues q, ConstValues k, ConstValues v, Index stride,
                         Values o, Values log_sum) override {
    const Index heads = s.batch * s.kv_heads;
    const Index parts = heads == 0 ? 1 : (threads_ + heads - 1) / heads;  // 1 where there are heads enough
    over_tasks(s, heads * parts, [&](Index task, X* scratch) {
      const Index head = task / parts;
      loops_.attention_forward(s, head / s.kv_heads, head % s.kv_heads, task % parts, parts, in(q), in(k),
                               in(v), stride, out(o), exact(log_sum), scratch);
    });
  }
  void attention_backward(const AttentionShape& s, ConstValues d_o, ConstValues q, ConstValues k,
                          ConstValues v, Index stride, ConstValues o, ConstValues log_sum, Values dq,
                          Values dk, Values dv) override {
    // One task writes all of a head's dk and dv, so that their sums have one order.
    over_tasks(s, s.batch * s.kv_heads, [&](Index head, X* scratch) {
      loops_.attention_backward(s, head / s.kv_heads, head % s.kv_heads, in(d_o), in(q), in(k), in(v), stride,
                                in(o), exact(log_sum), out(dq), out(dk), out(dv), scratch);
    });
  }

  void embedding_forward(Index rows, Index width, Index sequence, const std::int32_t* tokens,
                         ConstValues table, Index first_token, Index vocabulary, ConstValues position,
                         Values y) override {
    over(rows, 1, width, [&](Index first, Index last) {
      loops_.embedding_forward(first, last, width, sequence, tokens, in(table), first_token, vocabulary,
                               in(position), out(y));
    });
  }
  void embedding_backward(Index rows, Index width, Index sequence, const std::int32_t* tokens, ConstValues dy,
                          Values dtable, Index first_token, Index vocabulary, Values dposition) override {
    over(width, line, rows, [&](Index first, Index last) {
      loops_.embedding_backward(rows, width, first, last, sequence, tokens, in(dy), exact(dtable),
                                first_token, vocabulary, exact(dposition));
    });
  }

  void head_forward(const HeadShape& s, ConstValues x, ConstValues weight, const std::int32_t* targets,
                    Values largest, Values sum, Values target_logit) override {
    const HeadBlocks blocks(s, sizeof(X));
    X* const one_block = head_scratch(s, blocks);
    for (Index block = 0; block < blocks.count; ++block) {
      const Index start = block * blocks.columns, columns = blocks.of(block);
      X* const kept = kept_logits(s, blocks, block);
      X* const logits = kept != nullptr ? kept : one_block;
      products_->run({ProductForm::forward, s.rows, s.width, columns, true}, x, in(weight) + start * s.width,
                     nullptr, logits, false);
      over(s.rows, 1, columns, [&](Index first, Index last) {
        loops_.head_scan(first, last, columns, logits, targets, s.first + start, block == 0, exact(largest),
                         exact(sum), exact(target_logit));
      });
    }
    kept_for_ = {x, weight, s.rows, s.width, s.vocabulary};
  }
  void head_backward(const HeadShape& s, ConstValues x, ConstValues weight, const std::int32_t* targets,
                     ConstValues log_sum, double scale, Values dx, Values dweight, bool accumulate) override {
    const HeadBlocks blocks(s, sizeof(X));
    X* const one_block = head_scratch(s, blocks);
    X* const dx_sum = narrow ? one_block + s.rows * blocks.columns : exact(dx);
    const bool kept_ones = kept_for_ == KeptFor{x, weight, s.rows, s.width, s.vocabulary};
    kept_for_ = {};
    for (Index block = 0; block < blocks.count; ++block) {
      const Index start = block * blocks.columns, columns = blocks.of(block);
      const E* const rows_of_w = in(weight) + start * s.width;
      X* const kept = kept_ones ? kept_logits(s, blocks, block) : nullptr;
      X* const logits = kept != nullptr ? kept : one_block;
      E* gradient;
      if constexpr (narrow)
        gradient = reinterpret_cast<E*>(dx_sum + s.rows * s.width);
      else
        gradient = logits;
      if (kept == nullptr)
        products_->run({ProductForm::forward, s.rows, s.width, columns, true}, x, rows_of_w, nullptr, logits,
                       false);
      over(s.rows, 1, columns, [&](Index first, Index last) {
        loops_.head_gradient(first, last, columns, logits, targets, s.first + start, exact(log_sum),
                             static_cast<X>(scale), gradient);
      });
      products_->run({ProductForm::input, s.rows, s.width, columns, true}, gradient, rows_of_w, nullptr,
                     dx_sum, block > 0);
      products_->run({ProductForm::weight, s.rows, s.width, columns, true}, gradient, x, nullptr,
                     exact(dweight) + start * s.width, accumulate);
    }
    if constexpr (narrow)
      over(s.rows * s.width, line, 1,
           [&](Index first, Index last) { loops_.round(last - first, dx_sum + first, out(dx) + first); });
  }

  void add(Index count, ConstValues x, Values y) override {
    over(count, line, 1,
         [&](Index first, Index last) { loops_.add(last - first, in(x) + first, out(y) + first); });
  }

  void add_exact(Index count, ConstValues x, Values y) override {
    over(count, line, 1, [&](Index first, Index last) {
      loops_.add_exact(last - first, exact(x) + first, exact(y) + first);
    });
  }

  double sum_of_squares(Index count, ConstValues x) override {
    // Always the same pieces, added in their order.
    constexpr Index pieces = 256;
    std::array<double, pieces> sums{};
    over(pieces, 1, count / pieces, [&](Index first, Index last) {
      for (Index piece = first; piece < last; ++piece) {
        const Index start = count * piece / pieces, end = count * (piece + 1) / pieces;
        sums[static_cast<std::size_t>(piece)] = loops_.sum_of_squares(end - start, exact(x) + start);
      }
    });
    double total = 0;
    for (const double sum : sums) total += sum;
    return total;
  }

  void adamw(Index count, const AdamW& settings, Values master, Values first_moment, Values second_moment,
             Values gradient, Values weights) override {
    const double norm = settings.squares_on_device == nullptr ? 0 : std::sqrt(*settings.squares_on_device);
    const AdamWFactors factors = adamw_factors(
        settings, settings.step_on_device == nullptr ? step_of(settings) : *settings.step_on_device, norm);
    const auto begin = [&](auto loop, auto* first_moments, auto* second_moments) {
      over(count, line, 1, [&](Index first, Index last) {
        loop(first, last, factors, settings.clear, exact(master), first_moments, second_moments,
             exact(gradient), narrow ? out(weights) : nullptr);
      });
    };
    if (settings.narrow_moments)
      begin(loops_.adamw_narrow, static_cast<Bf16*>(first_moment), static_cast<Bf16*>(second_moment));
    else
      begin(loops_.adamw, exact(first_moment), exact(second_moment));
  }

 private:
  /// The forward pass whose logits are kept.
  struct KeptFor {
    ConstValues x = nullptr, weight = nullptr;
    Index rows = 0, width = 0, vocabulary = 0;
    bool operator==(const KeptFor&) const = default;
  };
  struct RopeTable {
    std::vector<X> cosines, sines;
  };
  static constexpr Index line = 64;  // numbers: whole cache lines for one thread, whatever the element

  static const E* in(ConstValues values) { return static_cast<const E*>(values); }
  static E* out(Values values) { return static_cast<E*>(values); }
  static const X* exact(ConstValues values) { return static_cast<const X*>(values); }
  static X* exact(Values values) { return static_cast<X*>(values); }

  /// Shares out `count` things of `each` numbers in multiples of `unit`: piece(first, last), one for each
  /// thread, or one for all where that is quicker than waking the threads.
  template <typename Piece>
  void over(Index count, Index unit, Index each, const Piece& piece) const {
    constexpr Index worth_waking = 8192;
    const Index units = (count + unit - 1) / unit;
#pragma omp parallel num_threads(threads_) if (count * each >= worth_waking)
    {
      const Index thread = omp_get_thread_num(), threads = omp_get_num_threads();
      const Index first = units * thread / threads * unit,
                  last = std::min(count, units * (thread + 1) / threads * unit);
      if (first < last) piece(first, last);
    }
  }

  std::size_t attention_bytes(const AttentionShape& s) const {
    const Index numbers = std::max(loops_.attention_scratch(s, false), loops_.attention_scratch(s, true));
    return static_cast<std::size_t>(numbers) * sizeof(X);
  }

  /// Tasks that write nothing in common, each with a thread's scratch.
  template <typename Task>
  void over_tasks(const AttentionShape& s, Index tasks, const Task& task) const {
    const std::size_t bytes = attention_bytes(s);
    if (static_cast<std::size_t>(threads_) * bytes > scratch_.bytes()) not_reserved("attention");
    auto* const memory = static_cast<unsigned char*>(scratch_.get());
#pragma omp parallel for num_threads(threads_) schedule(dynamic)
    for (Index i = 0; i < tasks; ++i)
      task(i, reinterpret_cast<X*>(memory + static_cast<std::size_t>(omp_get_thread_num()) * bytes));
  }

  static std::size_t head_bytes(const HeadShape& s, const HeadBlocks& blocks) {
    const auto logits = static_cast<std::size_t>(s.rows * blocks.columns),
               inputs = static_cast<std::size_t>(s.rows * s.width);
    return logits * sizeof(X) + (narrow ? inputs * sizeof(X) + logits * sizeof(E) : 0);
  }
  static std::size_t kept_bytes(const HeadShape& s, const HeadBlocks& blocks) {
    return static_cast<std::size_t>(blocks.kept * s.rows * blocks.columns) * sizeof(X);
  }
  /// Where the logits of a block are kept, null for those that are not.
  X* kept_logits(const HeadShape& s, const HeadBlocks& blocks, Index block) const {
    const Index place = block - (blocks.count - blocks.kept);
    return place < 0 ? nullptr : static_cast<X*>(kept_.get()) + place * s.rows * blocks.columns;
  }
  X* head_scratch(const HeadShape& s, const HeadBlocks& blocks) const {
    if (head_bytes(s, blocks) > scratch_.bytes() || kept_bytes(s, blocks) > kept_.bytes())
      not_reserved("a head");
    return static_cast<X*>(scratch_.get());
  }

  Element element_;
  int threads_;
  bool counting_;
  std::unique_ptr<Products> products_;
  const Kernels<E>& loops_ = kernels<E>();
  Scratch scratch_, kept_;
  KeptFor kept_for_;
  std::map<std::tuple<Index, Index, double>, RopeTable> rope_tables_;
};

std::unique_ptr<Operators> make(Element element, int threads, bool counting) {
  if (element == Element::f64)
    return std::make_unique<HostOperators<double>>(element, threads, openblas_products(threads), counting);
  if (element == Element::f32)
    return std::make_unique<HostOperators<float>>(element, threads,
                                                  onednn_products(element, threads, counting), counting);
  if (element != Element::bf16)
    throw Error(ExitStatus::cannot_run, "no training step in " + std::string(name_of(element)),
                "ask for f64, f32 or bf16");
  const std::string reason = host().gemm_unsupported(element);
  if (!reason.empty()) throw Error(ExitStatus::cannot_run, reason, "ask for f32");
  return std::make_unique<HostOperators<Bf16>>(element, threads, onednn_products(element, threads, counting),
                                               counting);
}

}  // namespace

std::unique_ptr<Operators> host_operators(Element element, int threads) {
  return make(element, threads, false);
}

std::unique_ptr<Operators> host_operators_counting(Element element, int threads) {
  return make(element, threads, true);
}

}  // namespace assay::device
