// How a collective is timed: blocking calls in a loop, or non-blocking ones beside a computation.
#pragma once

#include <memory>

#include "suites/collectives/support/buffer_ring.h"
#include "suites/collectives/support/computation.h"
#include "suites/collectives/support/factors.h"
#include "suites/harness/recorder.h"

namespace assay::bench {

/// What becomes of a time: figures of merit.
struct Rating {
  double bytes = 0;         ///< of the message; 0 for a barrier, which has no bandwidth
  double busbw_factor = 0;  ///< factors.h
  /// Bandwidths and time; `series` of a PassCase.
  std::vector<FigureOfMerit> throughput(const std::string& series = {}) const;
};

/// `bytes`, as the elements of one message are counted, and the factor of its kind.
Rating rating(CollectiveKind kind, double bytes, int ranks);

/// Blocking calls over the whole ring.
class CollectiveLoop final : public LoopCase {
 public:
  CollectiveLoop(std::unique_ptr<Operation> operation, const Rating& rating, Mode mode,
                 const Context& context, const Transport& transport = {});

  Mode mode() const override { return mode_; }
  int ring() const override { return buffers_.slots(); }
  bool consumes_input() const override { return operation_.consumes_input(); }
  void prepare() override { buffers_.prepare(); }
  void refill() override { buffers_.fill(); }
  void poison() override { buffers_.poison(); }
  void iterate(int slot) override { buffers_.call(slot); }
  void finish() override { buffers_.finish(); }
  double shortest_interval_s() const override;
  device::Device* device() const override;
  Check check() override { return buffers_.check(false); }
  std::vector<FigureOfMerit> figures() const override;
  std::map<std::string, std::string> path() const override { return buffers_.path(false); }
  std::map<std::string, double> metrics() const override;
  void plant(Fault fault) override { buffers_.plant(fault); }

 private:
  BufferRing buffers_;
  Operation& operation_;
  Rating rating_;
  Mode mode_;
};

/// How many times a part of a pass goes over its slots, so that it lasts long enough to be timed. Learnt in
/// the warm-up from times that are the same on every rank.
class Repetitions {
 public:
  /// A part lasts at least 2 ms, or a 16th of the case's time.
  explicit Repetitions(double time_s) : part_s_(time_s / 16 < 2e-3 ? time_s / 16 : 2e-3) {}
  std::int64_t count() const { return count_; }
  /// From the shortest time so far: one disturbance must not make all parts too short.
  void learn(double iteration_s, int slots);
  double shortest_s() const { return shortest_s_; }

 private:
  double part_s_;
  double shortest_s_ = 0;
  std::int64_t count_ = 1;
};

/// The share of the communication's time during which computing went on, given the times of the communication
/// alone, the computation alone and both: 1 - (both - compute) / communicate, within 0 and 1. OSU's overlap
/// (osu_iallreduce and its like).
double overlapped_share(double communicate_s, double compute_s, double both_s);

/// Each pass: the call alone over the first half of the ring, a computation that takes as long alone, then
/// both at once over the second half. Each half exceeds the last-level cache where the ring exceeds twice
/// that. `check` compares both halves, and the computation.
class OverlapCase final : public PassCase {
 public:
  OverlapCase(std::unique_ptr<Operation> operation, const Rating& rating, bool test, const Context& context);

  void prepare() override { buffers_.prepare(); }
  void poison() override { buffers_.poison(); }
  PassLimits limits() const override;
  void pass(Recorder& recorder) override;
  Check check() override;
  std::vector<FigureOfMerit> figures() const override;
  std::map<std::string, std::string> path() const override;
  std::map<std::string, double> metrics() const override;
  void plant(Fault fault) override { buffers_.plant(fault); }

 private:
  void refill();
  void communicate(int from, int to);
  void compute(MPI_Request* request);
  void communicate_and_compute(int from, int to);

  BufferRing buffers_;
  Operation& operation_;
  const ProcessGroup& group_;
  Rating rating_;
  bool test_;
  Computation computation_;
  Repetitions repetitions_;
  std::int64_t steps_ = 1000;  ///< of the computation, for each operation
  double shortest_step_s_ = 0;
};

}  // namespace assay::bench
