// For tests: a device whose work is begun and done later, in memory that the host cannot touch. What is begun
// is kept in a list and done when somebody waits; until then, and from then on, its memory is closed to this
// process: a read or write of the host's ends the test. So what a training forgets to wait for, reads too
// soon or overwrites too soon shows. Recorded work is the list of what it began; waiting or allocating while
// recording is an error. Operators are any others', on that memory.
//
// A second list is that of collectives, which run beside the device: as early as what they were told to wait
// for allows, or as late as what waits for them does.
#pragma once

#include <sys/mman.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <memory>
#include <new>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "suites/device/device.h"
#include "suites/device/operators.h"
#include "suites/training/support/queued_operators.h"

namespace assay::training {

enum class Schedule { early, late };

class QueuedDevice : public device::Device {
 public:
  using MakeOperators = std::function<std::unique_ptr<device::Operators>(device::Element, int)>;

  explicit QueuedDevice(MakeOperators make = device::host_operators, bool records = true,
                        Schedule schedule = Schedule::early)
      : make_(std::move(make)), records_(records), schedule_(schedule) {
    void* const mapped =
        mmap(nullptr, arena_bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (mapped == MAP_FAILED) throw std::bad_alloc();
    arena_ = static_cast<std::byte*>(mapped);
  }
  ~QueuedDevice() override { munmap(arena_, arena_bytes); }
  QueuedDevice(const QueuedDevice&) = delete;
  QueuedDevice& operator=(const QueuedDevice&) = delete;

  std::string kind() const override { return "gpu"; }
  std::string name() const override { return "a list of work"; }
  bool works_by_itself() const override { return true; }

  std::unique_ptr<device::Buffer> allocate(std::size_t bytes) override {
    if (recording_ != nullptr) throw std::logic_error("memory was asked for while recording");
    const std::size_t whole = (bytes + page - 1) / page * page;
    if (used_ + whole > arena_bytes) throw std::bad_alloc();
    std::byte* const at = arena_ + used_;
    used_ += whole;
    open();
    std::memset(at, 0xFF, std::min(bytes, poisoned_bytes));  // NaN in every format
    close();
    return std::make_unique<Memory>(*this, at, bytes);
  }
  std::optional<std::uint64_t> available_bytes() const override { return arena_bytes - used_; }

  void copy(void* to, const void* from, std::size_t bytes) override {
    begin([=] {
      if (bytes > 0) std::memmove(to, from, bytes);
    });
  }
  void set_bytes(void* at, std::byte value, std::size_t bytes) override {
    begin([=] { std::memset(at, static_cast<int>(value), bytes); });
  }
  void finish() override {
    if (recording_ != nullptr) throw std::logic_error("waited for the device while recording");
    ++waits_;
    open();
    std::vector<Work> list = std::exchange(list_, {});
    run(list);
    close();
  }
  std::unique_ptr<device::RecordedWork> record(const std::function<void()>& work) override {
    if (!records_) return nullptr;
    auto recorded = std::make_unique<Recorded>(*this);
    recording_ = &recorded->list;
    try {
      work();
    } catch (...) {
      recording_ = nullptr;
      throw;
    }
    recording_ = nullptr;
    return recorded;
  }
  std::unique_ptr<device::Operators> operators(device::Element element, int threads) override {
    return std::make_unique<QueuedOperators>(
        make_(element, threads), [this](std::function<void()> work) { begin(std::move(work)); },
        [this] { finish(); });
  }

  // What products alone would need is of no use here.
  std::string gemm_unsupported(device::Element) override { return {}; }
  std::unique_ptr<device::Gemm> plan_gemm(const device::GemmPlan&) override { return nullptr; }
  int largest_int8() const override { return 127; }
  std::optional<device::Ceiling> gemm_ceiling(device::Element, int) override { return std::nullopt; }
  std::map<std::string, std::string> libraries() override { return {}; }
  std::vector<std::string> warnings() override { return {}; }

  // ---- For tests
  int waits() const { return waits_; }
  void begin(std::function<void()> work) { add({Kind::device, std::move(work)}); }
  void begin_collective(std::function<void()> work) { add({Kind::collective, std::move(work)}); }
  void collectives_wait_for_device() { add({Kind::after_device, {}}); }
  void device_waits_for_collectives() { add({Kind::before_device, {}}); }

 private:
  enum class Kind { device, collective, after_device, before_device };
  struct Work {
    Kind kind;
    std::function<void()> work;
  };

  struct Memory final : device::Buffer {
    Memory(QueuedDevice& device, std::byte* at, std::size_t bytes)
        : device_(device), at_(at), bytes_(bytes) {}
    ~Memory() override {
      device_.finish();  // as a vendor's release does
      madvise(at_, bytes_, MADV_DONTNEED);
    }
    void* host() override {
      if (host_ == nullptr) {
        host_ = std::make_unique_for_overwrite<std::byte[]>(bytes_ + 64);
        std::memset(host_.get(), 0xFF, std::min(bytes_, poisoned_bytes));
      }
      return host_.get() + (64 - reinterpret_cast<std::uintptr_t>(host_.get()) % 64) % 64;
    }
    void* device() override { return at_; }
    std::size_t bytes() const override { return bytes_; }
    void push() override {
      device_.copy(at_, host(), bytes_);
      device_.finish();
    }
    void pull() override {
      device_.copy(host(), at_, bytes_);
      device_.finish();
    }

    QueuedDevice& device_;
    std::byte* at_;
    std::size_t bytes_;
    std::unique_ptr<std::byte[]> host_;
  };

  struct Recorded final : device::RecordedWork {
    explicit Recorded(QueuedDevice& of) : device(of) {}
    void begin() override {
      for (const Work& one : list) device.add(one);
    }
    QueuedDevice& device;
    std::vector<Work> list;
  };

  void add(Work work) { (recording_ != nullptr ? *recording_ : list_).push_back(std::move(work)); }

  void run(std::vector<Work>& list) {
    std::size_t collective = 0;  // all collectives before it are done
    const auto collectives_until = [&](std::size_t end) {
      for (; collective < end; ++collective)
        if (list[collective].kind == Kind::collective) list[collective].work();
    };
    const auto next_wait = [&](std::size_t from) {
      while (from < list.size() && list[from].kind != Kind::after_device) ++from;
      return from;
    };
    if (schedule_ == Schedule::early) collectives_until(next_wait(0));
    for (std::size_t i = 0; i < list.size(); ++i) {
      if (list[i].kind == Kind::device) list[i].work();
      if (list[i].kind == Kind::after_device && schedule_ == Schedule::early)
        collectives_until(next_wait(i + 1));
      if (list[i].kind == Kind::before_device) collectives_until(i);
    }
    collectives_until(list.size());
  }

  void open() { protect(PROT_READ | PROT_WRITE); }
  void close() { protect(PROT_NONE); }
  void protect(int access) {
    if (used_ > 0 && mprotect(arena_, used_, access) != 0) throw std::bad_alloc();
  }

  static constexpr std::size_t arena_bytes = std::size_t{8} << 30, page = 4096;
  static constexpr std::size_t poisoned_bytes = std::size_t{1}
                                                << 20;  // pages of rooms that are not used cost time

  const MakeOperators make_;
  const bool records_;
  const Schedule schedule_;
  std::byte* arena_ = nullptr;
  std::size_t used_ = 0;
  std::vector<Work> list_;
  std::vector<Work>* recording_ = nullptr;
  int waits_ = 0;
};

}  // namespace assay::training
