// For tests: a device of deferred work (queued_device.h) in the place of this rank's GPU, with the host's
// operators, and collectives by MPI that run beside it. A program that links this file has it as device::gpu:
// the library's own definition (selection.cpp) then stays out.
//
// ASSAY_TEST_SCHEDULE=late in the environment: collectives run as late as what waits for them allows.
#include <mpi.h>

#include <cstdlib>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "suites/device/collectives.h"
#include "suites/device/device.h"
#include "suites/training/support/queued_device.h"

namespace assay {

namespace {

using device::Element;
using training::QueuedDevice;
using training::Schedule;

Schedule schedule() {
  const char* const asked = std::getenv("ASSAY_TEST_SCHEDULE");
  return asked != nullptr && std::string(asked) == "late" ? Schedule::late : Schedule::early;
}

class MpiCollectives final : public device::Collectives {
 public:
  /// All ranks of the start make theirs at once.
  MpiCollectives(QueuedDevice& device, const device::Meeting& meeting) : device_(device) {
    int first = 0;
    MPI_Comm_rank(MPI_COMM_WORLD, &first);
    meeting.broadcast_from_first(&first, sizeof first);
    MPI_Comm_split(MPI_COMM_WORLD, first, meeting.rank, &group_);
    MPI_Comm_rank(group_, &rank_);
    MPI_Comm_size(group_, &size_);
  }
  ~MpiCollectives() override { MPI_Comm_free(&group_); }
  MpiCollectives(const MpiCollectives&) = delete;
  MpiCollectives& operator=(const MpiCollectives&) = delete;

  int rank() const override { return rank_; }
  int size() const override { return size_; }
  void all_reduce(Element element, std::size_t count, const void* from, void* to) override {
    device_.begin_collective([=, this] {
      MPI_Allreduce(given(from, to), to, static_cast<int>(count), type(element), MPI_SUM, group_);
    });
  }
  void reduce(Element element, std::size_t count, const void* from, void* to, int root) override {
    device_.begin_collective([=, this] {
      const auto* const begin = static_cast<const std::byte*>(from);
      const std::vector<std::byte> own(begin, begin + count * device::bytes_of(element));
      MPI_Reduce(own.data(), to, static_cast<int>(count), type(element), MPI_SUM, root, group_);
    });
  }
  void all_gather(Element element, std::size_t count, const void* from, void* to) override {
    device_.begin_collective([=, this] {
      const std::size_t bytes = count * device::bytes_of(element);
      const bool in_place = from == static_cast<std::byte*>(to) + static_cast<std::size_t>(rank_) * bytes;
      MPI_Allgather(in_place ? MPI_IN_PLACE : from, static_cast<int>(bytes), MPI_BYTE, to,
                    static_cast<int>(bytes), MPI_BYTE, group_);
    });
  }
  void reduce_scatter(Element, std::size_t, const void*, void*) override { throw not_here(); }
  void broadcast(Element, std::size_t, void*, int) override { throw not_here(); }
  void all_to_all(Element, std::size_t, const void*, void*) override { throw not_here(); }
  void exchange(std::size_t, const void*, int, void*, int) override { throw not_here(); }

  void after_device() override { device_.collectives_wait_for_device(); }
  void before_device() override { device_.device_waits_for_collectives(); }
  void finish() override { device_.finish(); }
  std::map<std::string, std::string> describe() const override {
    return {{"library", "MPI in NCCL's place"}};
  }

 private:
  static std::logic_error not_here() { return std::logic_error("no training begins this"); }
  static const void* given(const void* from, const void* to) { return from == to ? MPI_IN_PLACE : from; }
  static MPI_Datatype type(Element element) { return element == Element::f64 ? MPI_DOUBLE : MPI_FLOAT; }

  QueuedDevice& device_;
  MPI_Comm group_ = MPI_COMM_NULL;
  int rank_ = 0, size_ = 1;
};

class QueuedGpu final : public QueuedDevice {
 public:
  explicit QueuedGpu(int number) : QueuedDevice(device::host_operators, true, schedule()), number_(number) {}
  std::string id() const override { return "list " + std::to_string(number_); }
  /// So small that rings of operands are short: opening and closing much memory takes time.
  std::uint64_t cache_bytes() const override { return 12 << 10; }
  std::string collectives_missing(const std::string& library, const device::CollectivesNeed&) const override {
    return library == "nccl" ? "" : library + " is not here; choose nccl";
  }
  std::unique_ptr<device::Collectives> collectives(const std::string&,
                                                   const device::Meeting& meeting) override {
    return std::make_unique<MpiCollectives>(*this, meeting);
  }

 private:
  int number_;
};

}  // namespace

device::Selected device::gpu(int place, int) {
  static const auto made = std::make_unique<QueuedGpu>(place);
  return {made.get(), ""};
}

std::string device::gpu_identity(int place, int) {
  return "list " + std::to_string(place);
}

int device::gpu_count() {
  return 8;
}

std::map<std::string, std::string> device::gpu_facts() {
  return {{"gpu_build", "a list of work"}};
}

}  // namespace assay
