#include <cstring>
#include <optional>
#include <stdexcept>
#include <utility>
#include <vector>

#include "suites/device/gpu/staged_operators.h"

namespace assay::gpu {

namespace {

using device::AdamW;
using device::AttentionShape;
using device::ConstValues;
using device::Element;
using device::HeadShape;
using device::LinearShape;
using device::Values;
using Index = std::int64_t;

/// Rows of some bytes each, `stride` bytes apart; null stays null.
struct Rows {
  Index count = 0;
  std::size_t bytes = 0, stride = 0;
  std::size_t span() const { return count == 0 ? 0 : static_cast<std::size_t>(count - 1) * stride + bytes; }
};

/// An operand on the device for the time of a call.
class Operand {
 public:
  Operand(Queue& queue, const void* host, Rows rows) : queue_(queue), rows_(rows) {
    if (host == nullptr) return;
    before_.resize(rows.span());
    if (!before_.empty()) std::memcpy(before_.data(), host, before_.size());
    device_ = allocate_bytes(before_.size());
    queue_.copy(device_, before_.data(), before_.size());
    queue_.finish();
  }
  Operand(Queue& queue, const void* host, Index count, std::size_t each)
      : Operand(queue, host, Rows{1, static_cast<std::size_t>(count) * each, 0}) {}
  ~Operand() { release_bytes(device_); }
  Operand(const Operand&) = delete;
  Operand& operator=(const Operand&) = delete;

  void* get() const { return device_; }
  operator void*() const { return device_; }

  void bring_back(void* host) {
    if (host == nullptr) return;
    std::vector<unsigned char> after(before_.size());
    queue_.copy(after.data(), device_, after.size());
    queue_.finish();
    for (Index row = 0; row < rows_.count; ++row) {
      const std::size_t at = static_cast<std::size_t>(row) * rows_.stride;
      if (rows_.bytes > 0)
        std::memcpy(static_cast<unsigned char*>(host) + at, after.data() + at, rows_.bytes);
      if (row + 1 < rows_.count && rows_.stride > rows_.bytes &&
          std::memcmp(before_.data() + at + rows_.bytes, after.data() + at + rows_.bytes,
                      rows_.stride - rows_.bytes) != 0)
        throw std::logic_error("numbers after row " + std::to_string(row) + " were written");
    }
  }

 private:
  Queue& queue_;
  Rows rows_;
  std::vector<unsigned char> before_;
  void* device_ = nullptr;
};

class StagedOperators final : public device::Operators {
 public:
  StagedOperators(std::unique_ptr<device::Operators> operators, std::unique_ptr<Queue> queue)
      : queue_(std::move(queue)),
        op_(std::move(operators)),
        each_(bytes_of(op_->element())),
        exact_(bytes_of(device::exact_of(op_->element()))) {}

  Element element() const override { return op_->element(); }
  void reserve_linear(const LinearShape& s) override { op_->reserve_linear(s); }
  void reserve_attention(const AttentionShape& s) override { op_->reserve_attention(s); }
  void reserve_head(const HeadShape& s) override { op_->reserve_head(s); }
  void reserve_rope(Index sequence, Index size, double base) override {
    op_->reserve_rope(sequence, size, base);
  }
  Index scratch_bytes() const override { return op_->scratch_bytes(); }
  std::map<std::string, std::string> describe() const override { return op_->describe(); }

  void linear_forward(const LinearShape& s, ConstValues x, ConstValues w, ConstValues b, Values y) override {
    const Operand dx(*queue_, x, s.rows * s.in, each_), dw(*queue_, w, s.out * s.in, each_),
        db(*queue_, b, s.out, each_);
    Operand dy(*queue_, y, s.rows * s.out, each_);
    op_->linear_forward(s, dx, dw, db, dy);
    dy.bring_back(y);
  }
  void linear_backward_input(const LinearShape& s, ConstValues dy, ConstValues w, Values dx) override {
    const Operand up(*queue_, dy, s.rows * s.out, each_), weight(*queue_, w, s.out * s.in, each_);
    Operand to(*queue_, dx, s.rows * s.in, each_);
    op_->linear_backward_input(s, up, weight, to);
    to.bring_back(dx);
  }
  void linear_backward_weight(const LinearShape& s, ConstValues dy, ConstValues x, Values dweight,
                              Values dbias, bool accumulate) override {
    const Operand up(*queue_, dy, s.rows * s.out, each_), in(*queue_, x, s.rows * s.in, each_);
    Operand weight(*queue_, dweight, s.out * s.in, exact_), bias(*queue_, dbias, s.out, exact_);
    op_->linear_backward_weight(s, up, in, weight, bias, accumulate);
    weight.bring_back(dweight);
    bias.bring_back(dbias);
  }

  void layer_norm_forward(Index rows, Index width, ConstValues x, ConstValues gamma, ConstValues beta,
                          Values y, Values mean, Values deviation) override {
    const Operand in(*queue_, x, rows * width, each_), by(*queue_, gamma, width, each_),
        shift(*queue_, beta, width, each_);
    Operand out(*queue_, y, rows * width, each_), means(*queue_, mean, rows, exact_),
        scales(*queue_, deviation, rows, exact_);
    op_->layer_norm_forward(rows, width, in, by, shift, out, means, scales);
    out.bring_back(y);
    means.bring_back(mean);
    scales.bring_back(deviation);
  }
  void layer_norm_backward(Index rows, Index width, ConstValues dy, ConstValues x, ConstValues gamma,
                           ConstValues mean, ConstValues deviation, Values dx, Values dgamma,
                           Values dbeta) override {
    const Operand up(*queue_, dy, rows * width, each_), in(*queue_, x, rows * width, each_),
        by(*queue_, gamma, width, each_), means(*queue_, mean, rows, exact_),
        scales(*queue_, deviation, rows, exact_);
    Operand to(*queue_, dx, rows * width, each_), by_gamma(*queue_, dgamma, width, exact_),
        by_beta(*queue_, dbeta, width, exact_);
    op_->layer_norm_backward(rows, width, up, in, by, means, scales, to, by_gamma, by_beta);
    to.bring_back(dx);
    by_gamma.bring_back(dgamma);
    by_beta.bring_back(dbeta);
  }
  void rms_norm_forward(Index rows, Index width, ConstValues x, ConstValues gamma, Values y,
                        Values deviation) override {
    const Operand in(*queue_, x, rows * width, each_), by(*queue_, gamma, width, each_);
    Operand out(*queue_, y, rows * width, each_), scales(*queue_, deviation, rows, exact_);
    op_->rms_norm_forward(rows, width, in, by, out, scales);
    out.bring_back(y);
    scales.bring_back(deviation);
  }
  void rms_norm_backward(Index rows, Index width, ConstValues dy, ConstValues x, ConstValues gamma,
                         ConstValues deviation, Values dx, Values dgamma) override {
    const Operand up(*queue_, dy, rows * width, each_), in(*queue_, x, rows * width, each_),
        by(*queue_, gamma, width, each_), scales(*queue_, deviation, rows, exact_);
    Operand to(*queue_, dx, rows * width, each_), by_gamma(*queue_, dgamma, width, exact_);
    op_->rms_norm_backward(rows, width, up, in, by, scales, to, by_gamma);
    to.bring_back(dx);
    by_gamma.bring_back(dgamma);
  }

  void gelu_forward(Index count, ConstValues x, Values y) override {
    const Operand in(*queue_, x, count, each_);
    Operand out(*queue_, y, count, each_);
    op_->gelu_forward(count, in, out);
    out.bring_back(y);
  }
  void gelu_backward(Index count, ConstValues dy, ConstValues x, Values dx) override {
    const Operand up(*queue_, dy, count, each_), in(*queue_, x, count, each_);
    Operand to(*queue_, dx, count, each_);
    op_->gelu_backward(count, up, in, to);
    to.bring_back(dx);
  }
  void swiglu_forward(Index rows, Index width, ConstValues x, Values y) override {
    const Operand in(*queue_, x, 2 * rows * width, each_);
    Operand out(*queue_, y, rows * width, each_);
    op_->swiglu_forward(rows, width, in, out);
    out.bring_back(y);
  }
  void swiglu_backward(Index rows, Index width, ConstValues dy, ConstValues x, Values dx) override {
    const Operand up(*queue_, dy, rows * width, each_), in(*queue_, x, 2 * rows * width, each_);
    Operand to(*queue_, dx, 2 * rows * width, each_);
    op_->swiglu_backward(rows, width, up, in, to);
    to.bring_back(dx);
  }

  void rope(Index rows, Index sequence, Index heads, Index size, Index stride, double base, int sign,
            Values x) override {
    Operand turned(*queue_, x, strided(rows, heads * size, stride));
    op_->rope(rows, sequence, heads, size, stride, base, sign, turned);
    turned.bring_back(x);
  }

  void attention_forward(const AttentionShape& s, ConstValues q, ConstValues k, ConstValues v, Index stride,
                         Values o, Values log_sum) override {
    const Index rows = s.batch * s.sequence;
    const Operand queries(*queue_, q, strided(rows, s.heads * s.size, stride)),
        keys(*queue_, k, strided(rows, s.kv_heads * s.size, stride)),
        values(*queue_, v, strided(rows, s.kv_heads * s.size, stride));
    Operand out(*queue_, o, rows * s.heads * s.size, each_), sums(*queue_, log_sum, rows * s.heads, exact_);
    op_->attention_forward(s, queries, keys, values, stride, out, sums);
    out.bring_back(o);
    sums.bring_back(log_sum);
  }
  void attention_backward(const AttentionShape& s, ConstValues d_o, ConstValues q, ConstValues k,
                          ConstValues v, Index stride, ConstValues o, ConstValues log_sum, Values dq,
                          Values dk, Values dv) override {
    const Index rows = s.batch * s.sequence;
    const Rows wide = strided(rows, s.heads * s.size, stride),
               narrow = strided(rows, s.kv_heads * s.size, stride);
    const Operand up(*queue_, d_o, rows * s.heads * s.size, each_), queries(*queue_, q, wide),
        keys(*queue_, k, narrow), values(*queue_, v, narrow), out(*queue_, o, rows * s.heads * s.size, each_),
        sums(*queue_, log_sum, rows * s.heads, exact_);
    Operand by_q(*queue_, dq, wide), by_k(*queue_, dk, narrow), by_v(*queue_, dv, narrow);
    op_->attention_backward(s, up, queries, keys, values, stride, out, sums, by_q, by_k, by_v);
    by_q.bring_back(dq);
    by_k.bring_back(dk);
    by_v.bring_back(dv);
  }

  void embedding_forward(Index rows, Index width, Index sequence, const std::int32_t* tokens,
                         ConstValues table, Index first, Index vocabulary, ConstValues position,
                         Values y) override {
    const Operand words(*queue_, tokens, rows, sizeof *tokens),
        from(*queue_, table, vocabulary * width, each_), places(*queue_, position, sequence * width, each_);
    Operand out(*queue_, y, rows * width, each_);
    op_->embedding_forward(rows, width, sequence, numbers(words), from, first, vocabulary, places, out);
    out.bring_back(y);
  }
  void embedding_backward(Index rows, Index width, Index sequence, const std::int32_t* tokens, ConstValues dy,
                          Values dtable, Index first, Index vocabulary, Values dposition) override {
    const Operand words(*queue_, tokens, rows, sizeof *tokens), up(*queue_, dy, rows * width, each_);
    Operand table(*queue_, dtable, vocabulary * width, exact_),
        places(*queue_, dposition, sequence * width, exact_);
    op_->embedding_backward(rows, width, sequence, numbers(words), up, table, first, vocabulary, places);
    table.bring_back(dtable);
    places.bring_back(dposition);
  }

  void head_forward(const HeadShape& s, ConstValues x, ConstValues weight, const std::int32_t* targets,
                    Values largest, Values sum, Values target_logit) override {
    const Operand in(*queue_, x, s.rows * s.width, each_), w(*queue_, weight, s.vocabulary * s.width, each_),
        words(*queue_, targets, s.rows, sizeof *targets);
    Operand peaks(*queue_, largest, s.rows, exact_), sums(*queue_, sum, s.rows, exact_),
        logits(*queue_, target_logit, s.rows, exact_);
    op_->head_forward(s, in, w, numbers(words), peaks, sums, logits);
    peaks.bring_back(largest);
    sums.bring_back(sum);
    logits.bring_back(target_logit);
  }
  void head_backward(const HeadShape& s, ConstValues x, ConstValues weight, const std::int32_t* targets,
                     ConstValues log_sum, double scale, Values dx, Values dweight, bool accumulate) override {
    const Operand in(*queue_, x, s.rows * s.width, each_), w(*queue_, weight, s.vocabulary * s.width, each_),
        words(*queue_, targets, s.rows, sizeof *targets), sums(*queue_, log_sum, s.rows, exact_);
    Operand to(*queue_, dx, s.rows * s.width, each_), by_w(*queue_, dweight, s.vocabulary * s.width, exact_);
    op_->head_backward(s, in, w, numbers(words), sums, scale, to, by_w, accumulate);
    to.bring_back(dx);
    by_w.bring_back(dweight);
  }

  void add(Index count, ConstValues x, Values y) override {
    const Operand from(*queue_, x, count, each_);
    Operand to(*queue_, y, count, each_);
    op_->add(count, from, to);
    to.bring_back(y);
  }
  void add_exact(Index count, ConstValues x, Values y) override {
    const Operand from(*queue_, x, count, exact_);
    Operand to(*queue_, y, count, exact_);
    op_->add_exact(count, from, to);
    to.bring_back(y);
  }
  double sum_of_squares(Index count, ConstValues x) override {
    const Operand from(*queue_, x, count, exact_);
    return op_->sum_of_squares(count, from);
  }
  void add_squares(Index count, ConstValues x, double* sum) override {
    const Operand from(*queue_, x, count, exact_);
    Operand to(*queue_, sum, 1, sizeof *sum);
    op_->add_squares(count, from, static_cast<double*>(to.get()));
    to.bring_back(sum);
  }
  void add_checksum(const device::HeldElements& held, ConstValues values, std::uint64_t* sum) override {
    const Operand from(*queue_, values, held.rows * held.columns, each_);
    Operand to(*queue_, sum, 1, sizeof *sum);
    op_->add_checksum(held, from, static_cast<std::uint64_t*>(to.get()));
    to.bring_back(sum);
  }
  void head_loss(Index rows, ConstValues largest, ConstValues sum, ConstValues target_logit, Values log_sum,
                 double* loss) override {
    const Operand tops(*queue_, largest, rows, exact_), sums(*queue_, sum, rows, exact_),
        targets(*queue_, target_logit, rows, exact_);
    Operand logs(*queue_, log_sum, rows, exact_), to(*queue_, loss, 1, sizeof *loss);
    // In place where the caller has it so.
    op_->head_loss(rows, log_sum == largest ? logs : tops, sums, targets, logs,
                   static_cast<double*>(to.get()));
    logs.bring_back(log_sum);
    to.bring_back(loss);
  }
  void adamw(Index count, const AdamW& settings, Values master, Values first_moment, Values second_moment,
             Values gradient, Values weights) override {
    const std::size_t moment = settings.narrow_moments ? sizeof(device::Bf16) : exact_;
    Operand w(*queue_, master, count, exact_), m(*queue_, first_moment, count, moment),
        v(*queue_, second_moment, count, moment), g(*queue_, gradient, count, exact_),
        rounded(*queue_, weights, count, each_);
    const Operand step(*queue_, settings.step_on_device, 1, sizeof(device::AdamWStep)),
        squares(*queue_, settings.squares_on_device, 1, sizeof(double));
    AdamW there = settings;
    there.step_on_device = static_cast<const device::AdamWStep*>(step.get());
    there.squares_on_device = static_cast<const double*>(squares.get());
    op_->adamw(count, there, w, m, v, g, rounded);
    w.bring_back(master);
    m.bring_back(first_moment);
    v.bring_back(second_moment);
    g.bring_back(gradient);
    rounded.bring_back(weights);
  }

 private:
  Rows strided(Index rows, Index count, Index stride) const {
    return {rows, static_cast<std::size_t>(count) * each_, static_cast<std::size_t>(stride) * each_};
  }
  static const std::int32_t* numbers(const Operand& operand) {
    return static_cast<const std::int32_t*>(operand.get());
  }

  std::unique_ptr<Queue> queue_;
  std::unique_ptr<device::Operators> op_;  // before its queue goes
  std::size_t each_, exact_;
};

}  // namespace

std::unique_ptr<device::Operators> staged(std::unique_ptr<device::Operators> operators,
                                          std::unique_ptr<Queue> queue) {
  return std::make_unique<StagedOperators>(std::move(operators), std::move(queue));
}

}  // namespace assay::gpu
