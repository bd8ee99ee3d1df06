#include "suites/harness/faults.h"

#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdlib>
#include <thread>
#include <utility>

#include "reports/base/error.h"
#include "reports/base/names.h"

namespace assay::bench {

namespace {

constexpr std::array<std::pair<Fault, const char*>, 8> names = {{
    {Fault::wrong_element, "wrong_element"},
    {Fault::nan, "nan"},
    {Fault::silent_rank, "silent_rank"},
    {Fault::slow_rank, "slow_rank"},
    {Fault::hang, "hang"},
    {Fault::crash, "crash"},
    {Fault::truncated_record, "truncated_record"},
    {Fault::garbage, "garbage"},
}};

/// What a rank that is far too slow adds to each iteration: much to the smallest case, something to the
/// largest.
constexpr std::chrono::milliseconds slowness{5};

class FaultyCase final : public Case {
 public:
  FaultyCase(std::unique_ptr<Case> inner, Fault fault) : inner_(std::move(inner)), fault_(fault) {}

  Mode mode() const override { return inner_->mode(); }
  int ring() const override { return inner_->ring(); }
  bool consumes_input() const override { return inner_->consumes_input(); }
  void prepare() override { inner_->prepare(); }
  void refill() override { inner_->refill(); }
  void poison() override { inner_->poison(); }
  void iterate(int slot) override {
    if (fault_ == Fault::crash) std::abort();
    while (fault_ == Fault::hang) pause();
    std::this_thread::sleep_for(slowness);
    inner_->iterate(slot);
  }
  Check check() override { return inner_->check(); }
  std::vector<FigureOfMerit> figures() const override { return inner_->figures(); }
  std::map<std::string, std::string> path() const override { return inner_->path(); }
  std::map<std::string, double> metrics() const override { return inner_->metrics(); }
  void plant(Fault fault) override { inner_->plant(fault); }

 private:
  std::unique_ptr<Case> inner_;
  Fault fault_;
};

}  // namespace

std::string to_string(Fault fault) {
  for (const auto& [known, name] : names) {
    if (known == fault) return name;
  }
  return "";
}

std::vector<std::string> fault_names() {
  std::vector<std::string> all;
  for (const auto& [fault, name] : names) all.emplace_back(name);
  return all;
}

Fault parse_fault(const std::string& name) {
  if (name.empty()) return Fault::none;
  for (const auto& [fault, known] : names) {
    if (name == known) return fault;
  }
  throw bad_input("unknown fault '" + name + "'", suggest(name, fault_names()));
}

std::unique_ptr<Case> with_fault(std::unique_ptr<Case> inner, const Context& context) {
  const bool in_iterations =
      context.fault == Fault::slow_rank || context.fault == Fault::hang || context.fault == Fault::crash;
  const bool last = context.group.rank() == context.group.size() - 1;
  if (!in_iterations || !last) return inner;
  return std::make_unique<FaultyCase>(std::move(inner), context.fault);
}

}  // namespace assay::bench
