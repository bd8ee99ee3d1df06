// ZeRO-1 through a shared window. Memory traffic of a step over n ranks and N parameters: each rank writes
// its gradients and reads the others' parts of its own N / n; nothing is sent, and weights are written once.
#include <cstring>

#include "suites/harness/shared_window.h"
#include "suites/training/support/gradient_exchange.h"

namespace assay::training {

namespace {

using device::bytes_of;

class WindowExchange final : public GradientExchange {
 public:
  WindowExchange(const bench::ProcessGroup& group, const ExchangeSettings& settings,
                 device::Operators& operators)
      : GradientExchange(group.communicator(), settings, device::host()),
        operators_(operators),
        gradient_bytes_(static_cast<std::size_t>(settings.flat_length) * bytes_of(exact_)),
        weight_bytes_(static_cast<std::size_t>(settings.flat_length) * bytes_of(settings.element)),
        window_(group, gradient_bytes_ + (group.rank() == 0 ? weight_bytes_ : 0)) {
    // The timed steps find every page there.
    std::memset(window_.of(rank_), 0, gradient_bytes_ + (rank_ == 0 ? weight_bytes_ : 0));
    window_.barrier();
  }

  std::byte* gradients() const override { return window_.of(rank_); }
  std::byte* weights() const override { return window_.of(0) + gradient_bytes_; }
  bool fills_weights() const override { return rank_ == 0; }

  void finish() override {
    const Block own = shard_of_rank(rank_);
    if (settings_.silent) std::memset(gradients(), 0, gradient_bytes_);
    window_.barrier();
    if (settings_.silent) return;
    for (int other = 0; other < ranks_; ++other) {
      if (other == rank_) continue;
      const std::byte* theirs = window_.of(other) + static_cast<std::size_t>(own.begin) * bytes_of(exact_);
      operators_.add_exact(own.count, theirs, gradient(own.begin));
      bytes_sent_ += own.count * static_cast<std::int64_t>(bytes_of(exact_));
    }
  }

  std::string describe() const override { return "a window that the ranks of a node share"; }

  void share_weights() override { window_.barrier(); }

 protected:
  void start(std::int64_t /*from*/, std::int64_t /*to*/) override {}

 private:
  device::Operators& operators_;
  const std::size_t gradient_bytes_, weight_bytes_;
  bench::SharedWindow window_;
};

}  // namespace

std::unique_ptr<GradientExchange> window_exchange(const bench::ProcessGroup& group,
                                                  const ExchangeSettings& settings,
                                                  device::Operators& operators) {
  return std::make_unique<WindowExchange>(group, settings, operators);
}

}  // namespace assay::training
