// One product on one device: a ring of operand sets that are filled, planned, multiplied and checked. What
// all kinds of cases of compute/gemm are made of.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "reports/record/record.h"
#include "suites/compute/gemm/gemm.h"
#include "suites/compute/gemm/gemm_store.h"
#include "suites/device/device.h"
#include "suites/harness/benchmark.h"

namespace assay::bench {

/// An interval on a device that works by itself: waiting for its end must not show.
inline constexpr double shortest_device_interval_s = 0.02;

class GemmProduct {
 public:
  GemmProduct(const GemmCase& gemm, const Context& context, device::Device& device);

  /// Allocates, fills, poisons and plans. Throws what the device throws (no memory, no algorithm).
  void prepare();
  void poison();
  /// One slot's product, begun; done after `finish`.
  void run(int slot) { plan_->run(slot); }
  void finish() { plan_->finish(); }
  /// Whole passes over the ring, done when it returns.
  void run_passes(std::int64_t passes);
  /// Every slot as the last pass left it.
  Check check();
  /// wrong_element or nan, into one element of one slot; nothing else.
  void plant(Fault fault);

  const GemmCase& gemm() const { return gemm_; }
  int ring() const { return ring_; }
  double operations() const { return gemm_operations(gemm_); }
  /// "FLOP" or "OP".
  std::string unit_of_work() const;
  std::map<std::string, std::string> path() const;

 private:
  device::Element result() const { return product_of(gemm_.element); }
  device::Element second() const { return second_operand_of(gemm_.element); }
  std::size_t a_count() const;
  std::size_t b_count() const;
  std::size_t c_count() const;
  std::uint64_t key(int slot, int use) const;

  GemmCase gemm_;
  Context context_;
  device::Device& device_;
  std::unique_ptr<GemmStore> store_;
  int ring_;
  int range_;  // of int8 operands
  std::vector<std::unique_ptr<device::Buffer>> buffers_;
  std::vector<device::GemmOperands> slots_;
  std::unique_ptr<device::Gemm> plan_;
};

/// Why this product cannot be made on this device: no such arithmetic, sizes that the library refuses, too
/// little memory. Empty: it can.
std::string gemm_refused(const GemmCase& gemm, const Context& context, device::Device& device);

/// How many pieces of a product the device works on at once: a GPU's multiprocessors; 0: the host, or not
/// known.
int gemm_workers(device::Device& device);

/// How long the device is warmed up at most until rate and clock are stable, when `time_s` is aimed for: an
/// idle GPU's clock takes a while to rise, and a power cap to hold it back.
double gemm_settling_limit_s(const device::Device& device, double time_s);

/// Ranks on this rank's node, itself included.
int ranks_beside(const ProcessGroup& group);

/// The kinds of cases besides the plain one, each in a file of its own.
std::unique_ptr<Case> make_sustained_gemm(const Parameters& parameters, const Context& context,
                                          device::Device& device);
std::unique_ptr<Case> make_gemm_search(const Parameters& parameters, const Context& context,
                                       device::Device& device);

}  // namespace assay::bench
