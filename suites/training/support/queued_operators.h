// For tests: operators that only begin what others do (queued_device.h). Shapes and settings are kept as they
// are when something is begun; what pointers point to is what it is when it is done.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "suites/device/operators.h"

namespace assay::training {

class QueuedOperators final : public device::Operators {
 public:
  QueuedOperators(std::unique_ptr<device::Operators> inner, std::function<void(std::function<void()>)> begin,
                  std::function<void()> finish)
      : inner_(std::move(inner)), begin_(std::move(begin)), finish_(std::move(finish)) {}

  device::Element element() const override { return inner_->element(); }
  void reserve_linear(const device::LinearShape& shape) override { inner_->reserve_linear(shape); }
  void reserve_attention(const device::AttentionShape& shape) override { inner_->reserve_attention(shape); }
  void reserve_head(const device::HeadShape& shape) override { inner_->reserve_head(shape); }
  void reserve_rope(std::int64_t sequence, std::int64_t size, double base) override {
    inner_->reserve_rope(sequence, size, base);
  }
  std::int64_t scratch_bytes() const override { return inner_->scratch_bytes(); }
  std::map<std::string, std::string> describe() const override { return inner_->describe(); }
  void linear_forward(const device::LinearShape& shape, device::ConstValues x, device::ConstValues weight,
                      device::ConstValues bias, device::Values y) override {
    begin_([=, this] { inner_->linear_forward(shape, x, weight, bias, y); });
  }
  void linear_backward_input(const device::LinearShape& shape, device::ConstValues dy,
                             device::ConstValues weight, device::Values dx) override {
    begin_([=, this] { inner_->linear_backward_input(shape, dy, weight, dx); });
  }
  void linear_backward_weight(const device::LinearShape& shape, device::ConstValues dy, device::ConstValues x,
                              device::Values dweight, device::Values dbias, bool accumulate) override {
    begin_([=, this] { inner_->linear_backward_weight(shape, dy, x, dweight, dbias, accumulate); });
  }
  void layer_norm_forward(std::int64_t rows, std::int64_t width, device::ConstValues x,
                          device::ConstValues gamma, device::ConstValues beta, device::Values y,
                          device::Values mean, device::Values deviation) override {
    begin_([=, this] { inner_->layer_norm_forward(rows, width, x, gamma, beta, y, mean, deviation); });
  }
  void layer_norm_backward(std::int64_t rows, std::int64_t width, device::ConstValues dy,
                           device::ConstValues x, device::ConstValues gamma, device::ConstValues mean,
                           device::ConstValues deviation, device::Values dx, device::Values dgamma,
                           device::Values dbeta) override {
    begin_([=, this] {
      inner_->layer_norm_backward(rows, width, dy, x, gamma, mean, deviation, dx, dgamma, dbeta);
    });
  }
  void rms_norm_forward(std::int64_t rows, std::int64_t width, device::ConstValues x,
                        device::ConstValues gamma, device::Values y, device::Values deviation) override {
    begin_([=, this] { inner_->rms_norm_forward(rows, width, x, gamma, y, deviation); });
  }
  void rms_norm_backward(std::int64_t rows, std::int64_t width, device::ConstValues dy, device::ConstValues x,
                         device::ConstValues gamma, device::ConstValues deviation, device::Values dx,
                         device::Values dgamma) override {
    begin_([=, this] { inner_->rms_norm_backward(rows, width, dy, x, gamma, deviation, dx, dgamma); });
  }
  void gelu_forward(std::int64_t count, device::ConstValues x, device::Values y) override {
    begin_([=, this] { inner_->gelu_forward(count, x, y); });
  }
  void gelu_backward(std::int64_t count, device::ConstValues dy, device::ConstValues x,
                     device::Values dx) override {
    begin_([=, this] { inner_->gelu_backward(count, dy, x, dx); });
  }
  void swiglu_forward(std::int64_t rows, std::int64_t width, device::ConstValues x,
                      device::Values y) override {
    begin_([=, this] { inner_->swiglu_forward(rows, width, x, y); });
  }
  void swiglu_backward(std::int64_t rows, std::int64_t width, device::ConstValues dy, device::ConstValues x,
                       device::Values dx) override {
    begin_([=, this] { inner_->swiglu_backward(rows, width, dy, x, dx); });
  }
  void rope(std::int64_t rows, std::int64_t sequence, std::int64_t heads, std::int64_t size,
            std::int64_t stride, double base, int sign, device::Values x) override {
    begin_([=, this] { inner_->rope(rows, sequence, heads, size, stride, base, sign, x); });
  }
  void attention_forward(const device::AttentionShape& shape, device::ConstValues q, device::ConstValues k,
                         device::ConstValues v, std::int64_t qkv_stride, device::Values o,
                         device::Values log_sum) override {
    begin_([=, this] { inner_->attention_forward(shape, q, k, v, qkv_stride, o, log_sum); });
  }
  void attention_backward(const device::AttentionShape& shape, device::ConstValues d_o, device::ConstValues q,
                          device::ConstValues k, device::ConstValues v, std::int64_t qkv_stride,
                          device::ConstValues o, device::ConstValues log_sum, device::Values dq,
                          device::Values dk, device::Values dv) override {
    begin_(
        [=, this] { inner_->attention_backward(shape, d_o, q, k, v, qkv_stride, o, log_sum, dq, dk, dv); });
  }
  void embedding_forward(std::int64_t rows, std::int64_t width, std::int64_t sequence,
                         const std::int32_t* tokens, device::ConstValues table, std::int64_t first,
                         std::int64_t vocabulary, device::ConstValues position, device::Values y) override {
    begin_([=, this] {
      inner_->embedding_forward(rows, width, sequence, tokens, table, first, vocabulary, position, y);
    });
  }
  void embedding_backward(std::int64_t rows, std::int64_t width, std::int64_t sequence,
                          const std::int32_t* tokens, device::ConstValues dy, device::Values dtable,
                          std::int64_t first, std::int64_t vocabulary, device::Values dposition) override {
    begin_([=, this] {
      inner_->embedding_backward(rows, width, sequence, tokens, dy, dtable, first, vocabulary, dposition);
    });
  }
  void head_forward(const device::HeadShape& shape, device::ConstValues x, device::ConstValues weight,
                    const std::int32_t* targets, device::Values largest, device::Values sum,
                    device::Values target_logit) override {
    begin_([=, this] { inner_->head_forward(shape, x, weight, targets, largest, sum, target_logit); });
  }
  void head_backward(const device::HeadShape& shape, device::ConstValues x, device::ConstValues weight,
                     const std::int32_t* targets, device::ConstValues log_sum, double scale,
                     device::Values dx, device::Values dweight, bool accumulate) override {
    begin_([=, this] {
      inner_->head_backward(shape, x, weight, targets, log_sum, scale, dx, dweight, accumulate);
    });
  }
  void add(std::int64_t count, device::ConstValues x, device::Values y) override {
    begin_([=, this] { inner_->add(count, x, y); });
  }
  void add_exact(std::int64_t count, device::ConstValues x, device::Values y) override {
    begin_([=, this] { inner_->add_exact(count, x, y); });
  }
  double sum_of_squares(std::int64_t count, device::ConstValues x) override {
    double sum = 0;
    begin_([&] { sum = inner_->sum_of_squares(count, x); });
    finish_();
    return sum;
  }
  void add_squares(std::int64_t count, device::ConstValues x, double* sum) override {
    begin_([=, this] { inner_->add_squares(count, x, sum); });
  }
  void add_checksum(const device::HeldElements& held, device::ConstValues values,
                    std::uint64_t* sum) override {
    begin_([=, this] { inner_->add_checksum(held, values, sum); });
  }
  void head_loss(std::int64_t rows, device::ConstValues largest, device::ConstValues sum,
                 device::ConstValues target_logit, device::Values log_sum, double* loss) override {
    begin_([=, this] { inner_->head_loss(rows, largest, sum, target_logit, log_sum, loss); });
  }
  void adamw(std::int64_t count, const device::AdamW& settings, device::Values master,
             device::Values first_moment, device::Values second_moment, device::Values gradient,
             device::Values weights) override {
    begin_([=, this] {
      inner_->adamw(count, settings, master, first_moment, second_moment, gradient, weights);
    });
  }

 private:
  const std::unique_ptr<device::Operators> inner_;
  const std::function<void(std::function<void()>)> begin_;
  const std::function<void()> finish_;
};

}  // namespace assay::training
