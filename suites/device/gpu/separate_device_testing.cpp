// For tests: a device whose memory the host cannot touch, in the place of this rank's GPU. A program that
// links this file has it as device::gpu: the library's own definition (selection.cpp) then stays out.
//
// ASSAY_TEST_HOST_REACHES=1 in the environment lets the host, and so MPI, touch it, and MPI's library say so.
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <vector>

#include "reports/base/error.h"
#include "suites/device/device.h"
#include "suites/device/gpu/separate_memory_testing.h"
#include "suites/device/gpu/vendor_collectives.h"

namespace assay::gpu {

namespace {

using device::Element;

bool host_reaches() {
  return std::getenv("ASSAY_TEST_HOST_REACHES") != nullptr;
}

void map_at(std::uintptr_t address, std::size_t bytes, int protection, int file) {
  void* const wanted = reinterpret_cast<void*>(address);
  if (mmap(wanted, bytes, protection, MAP_SHARED | MAP_FIXED_NOREPLACE, file, 0) != wanted)
    throw std::bad_alloc();
}

class SeparateBuffer final : public device::Buffer {
 public:
  SeparateBuffer(std::size_t bytes, device::Device& owner) : device_(owner), host_(bytes, std::byte{0x5a}) {
    constexpr std::size_t page = 4096;
    static std::atomic<std::uintptr_t> next = separate_begin;
    mapped_ = (bytes / page + 1) * page;
    address_ = next.fetch_add(mapped_ + page);
    const int file = memfd_create("assay-test-device", 0);
    if (file < 0 || ftruncate(file, static_cast<off_t>(mapped_)) != 0) throw std::bad_alloc();
    map_at(address_, mapped_, host_reaches() ? PROT_READ | PROT_WRITE : PROT_NONE, file);
    map_at(address_ + separate_shift, mapped_, PROT_READ | PROT_WRITE, file);
    close(file);
    std::memset(reached_by_device(device()), 0x5a, bytes);
  }
  ~SeparateBuffer() override {
    munmap(device(), mapped_);
    munmap(reached_by_device(device()), mapped_);
  }
  SeparateBuffer(const SeparateBuffer&) = delete;
  SeparateBuffer& operator=(const SeparateBuffer&) = delete;

  void* host() override { return host_.data(); }
  void* device() override { return reinterpret_cast<void*>(address_); }
  std::size_t bytes() const override { return host_.size(); }
  void push() override {
    device_.copy(device(), host_.data(), host_.size());
    device_.finish();
  }
  void pull() override {
    device_.copy(host_.data(), device(), host_.size());
    device_.finish();
  }

 private:
  device::Device& device_;
  std::vector<std::byte> host_;
  std::uintptr_t address_ = 0;
  std::size_t mapped_ = 0;
};

class DeferredQueue final : public CollectivesQueue {
 public:
  explicit DeferredQueue(DeferredStream& device_stream) : device_stream_(device_stream) {}
  void* stream() override { return &stream_; }
  bool done() override {
    stream_.finish();
    return true;
  }
  void after_device() override { stream_.wait_for(device_stream_); }
  void before_device() override { device_stream_.wait_for(stream_); }
  void end_timing() override { timed_ = true; }
  std::optional<double> timed_s() override {
    if (!timed_) return std::nullopt;
    stream_.finish();
    return 1e-3;
  }

 private:
  DeferredStream& device_stream_;
  DeferredStream stream_;
  bool timed_ = false;
};

class SeparateDevice final : public device::Device {
 public:
  explicit SeparateDevice(int place) : place_(place) {}
  std::string kind() const override { return "gpu"; }
  std::string name() const override { return "separate memory"; }
  std::string id() const override { return "separate-" + std::to_string(place_); }
  std::map<std::string, std::string> facts() const override {
    return {{"gpu", name()}, {"gpu_architecture", "sm_00"}};
  }
  /// So small that rings are short: tests are to be quick.
  std::uint64_t cache_bytes() const override { return 12 << 10; }
  bool works_by_itself() const override { return true; }

  std::unique_ptr<device::Buffer> allocate(std::size_t bytes) override {
    return std::make_unique<SeparateBuffer>(bytes, *this);
  }
  std::optional<std::uint64_t> available_bytes() const override { return std::nullopt; }
  void copy(void* to, const void* from, std::size_t bytes) override {
    stream_.begin([=] { std::memmove(reached_by_device(to), reached_by_device(from), bytes); });
  }
  void set_bytes(void* at, std::byte value, std::size_t bytes) override {
    stream_.begin([=] { std::memset(reached_by_device(at), std::to_integer<int>(value), bytes); });
  }
  void finish() override { stream_.finish(); }

  std::string collectives_missing(const std::string& library,
                                  const device::CollectivesNeed& need) const override {
    if (library != "nccl") return library + " is not the library of " + name() + "; give implementation=nccl";
    return collectives_lacks(fake(), need);
  }
  std::unique_ptr<device::Collectives> collectives(const std::string&,
                                                   const device::Meeting& meeting) override {
    return vendor_collectives(fake(), std::make_unique<DeferredQueue>(stream_), meeting);
  }

  std::unique_ptr<device::Operators> operators(Element, int) override { refuse(); }
  std::string gemm_unsupported(Element) override { return "no products here; choose the host"; }
  std::unique_ptr<device::Gemm> plan_gemm(const device::GemmPlan&) override { refuse(); }
  int largest_int8() const override { return 127; }
  std::optional<device::Ceiling> gemm_ceiling(Element, int) override { return std::nullopt; }
  std::map<std::string, std::string> libraries() override { return {}; }
  std::vector<std::string> warnings() override { return {}; }

 private:
  [[noreturn]] static void refuse() { throw Error(ExitStatus::cannot_run, "this device moves bytes alone"); }
  static const CollectivesLibrary& fake() {
    static const CollectivesLibrary library = open_collectives("nccl", {ASSAY_FAKE_NCCL});
    return library;
  }

  int place_;
  DeferredStream stream_;
};

}  // namespace

}  // namespace assay::gpu

namespace assay::device {

Selected gpu(int place, int) {
  static assay::gpu::SeparateDevice device(place);
  return {&device, ""};
}
std::string gpu_identity(int place, int) {
  return "separate-" + std::to_string(place);
}
int gpu_count() {
  return 1;
}
std::map<std::string, std::string> gpu_facts() {
  return {{"gpu_build", "a test's"}};
}

}  // namespace assay::device

// In the place of the MPI library's.
extern "C" int MPIX_Query_cuda_support() {
  return assay::gpu::host_reaches() ? 1 : 0;
}
