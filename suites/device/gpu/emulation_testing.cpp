#undef _FORTIFY_SOURCE  // its longjmp takes a change of stacks for an error
#include "suites/device/gpu/emulation.h"

#include <setjmp.h>
#include <sys/mman.h>
#include <ucontext.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>
#include <stdexcept>
#include <string>
#include <vector>

#include "suites/device/gpu/runtime.h"

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/common_interface_defs.h>
#endif

dim3 threadIdx, blockIdx, blockDim, gridDim;
int warpSize = 32;

namespace assay::gpu {

namespace emulation {

namespace {

constexpr std::size_t stack_bytes = std::size_t{128} << 10;
constexpr int poison = 0xff;  // as a floating-point number: NaN

enum class State { ready, at_barrier, at_gather, ended };

#if defined(__SANITIZE_ADDRESS__)
constexpr bool sanitized = true;
#else
constexpr bool sanitized = false;
#endif

/// Begins by its context. Afterwards it jumps, which costs no system calls, but where the address sanitizer
/// looks on.
struct Fiber {
  ucontext_t context{};
  jmp_buf jump;
  bool begun = false;
  dim3 thread;
  State state = State::ready;
  std::source_location where;
  const void* brought = nullptr;
  std::size_t bytes = 0;
};

/// Stacks of all fibers, mapped once: what is not touched takes no memory.
class Stacks {
 public:
  Stacks() {
    void* const mapped = mmap(nullptr, most * stack_bytes, PROT_READ | PROT_WRITE,
                              MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (mapped == MAP_FAILED) throw std::bad_alloc();
    memory_ = static_cast<unsigned char*>(mapped);
  }
  ~Stacks() { munmap(memory_, most * stack_bytes); }
  Stacks(const Stacks&) = delete;
  Stacks& operator=(const Stacks&) = delete;
  unsigned char* of(std::size_t fiber) const { return memory_ + fiber * stack_bytes; }
  static constexpr std::size_t most = 1024;

 private:
  unsigned char* memory_ = nullptr;
};

struct Emulator {
  Order order = Order::ascending;
  Stacks stacks;
  std::vector<Fiber> fibers;
  std::vector<std::vector<unsigned char>> gathered;  // by warp
  std::unique_ptr<unsigned char, decltype(&std::free)> shared{nullptr, &std::free};
  ucontext_t scheduler{};
  jmp_buf scheduler_jump;
  Fiber* running = nullptr;
  const std::function<void()>* kernel = nullptr;
  void* scheduler_fake_stack = nullptr;
  const void* scheduler_stack = nullptr;
  std::size_t scheduler_stack_bytes = 0;
};

Emulator& emulator() {
  static Emulator one;
  return one;
}

std::string place(const dim3& at) {
  return "(" + std::to_string(at.x) + ", " + std::to_string(at.y) + ", " + std::to_string(at.z) + ")";
}

std::string words_of(const Fiber& fiber) {
  const std::string line = std::string(fiber.where.file_name()) + ":" + std::to_string(fiber.where.line());
  switch (fiber.state) {
    case State::at_barrier:
      return "waits for its block at " + line;
    case State::at_gather:
      return "waits for its warp at " + line;
    case State::ended:
      return "has ended";
    case State::ready:
      break;
  }
  return "runs";
}

[[noreturn]] void diverged(const Fiber& one, const Fiber& other) {
  throw std::logic_error("thread " + place(one.thread) + " of block " + place(blockIdx) + " " +
                         words_of(one) + ", thread " + place(other.thread) + " " + words_of(other));
}

bool same_place(const Fiber& one, const Fiber& other) {
  return one.state == other.state && one.bytes == other.bytes && one.where.line() == other.where.line() &&
         std::strcmp(one.where.file_name(), other.where.file_name()) == 0;
}

void switch_to_scheduler(Fiber& self) {
  Emulator& e = emulator();
#if defined(__SANITIZE_ADDRESS__)
  void* fake_stack = nullptr;
  __sanitizer_start_switch_fiber(self.state == State::ended ? nullptr : &fake_stack, e.scheduler_stack,
                                 e.scheduler_stack_bytes);
#endif
  if constexpr (sanitized)
    swapcontext(&self.context, &e.scheduler);
  else if (_setjmp(self.jump) == 0)
    _longjmp(e.scheduler_jump, 1);
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_finish_switch_fiber(fake_stack, nullptr, nullptr);
#endif
}

void fiber_main() {
  Emulator& e = emulator();
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_finish_switch_fiber(nullptr, &e.scheduler_stack, &e.scheduler_stack_bytes);
#endif
  Fiber& self = *e.running;
  (*e.kernel)();
  self.state = State::ended;
  switch_to_scheduler(self);
}

void switch_to_fiber(Fiber& fiber) {
  Emulator& e = emulator();
  e.running = &fiber;
  threadIdx = fiber.thread;
#if defined(__SANITIZE_ADDRESS__)
  const auto index = static_cast<std::size_t>(&fiber - e.fibers.data());
  __sanitizer_start_switch_fiber(&e.scheduler_fake_stack, e.stacks.of(index), stack_bytes);
#endif
  if constexpr (sanitized) {
    swapcontext(&e.scheduler, &fiber.context);
  } else if (_setjmp(e.scheduler_jump) == 0) {
    if (fiber.begun) _longjmp(fiber.jump, 1);
    fiber.begun = true;
    setcontext(&fiber.context);
  }
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_finish_switch_fiber(e.scheduler_fake_stack, nullptr, nullptr);
#endif
}

void wait(State state, const void* brought, std::size_t bytes, std::source_location where) {
  Fiber& self = *emulator().running;
  self.state = state;
  self.brought = brought;
  self.bytes = bytes;
  self.where = where;
  switch_to_scheduler(self);
}

/// Lets a group of fibers go on that all wait at one place; false when none of them is in `state`. Throws
/// when only some are: nobody runs at this moment, so those wait in vain.
bool release(std::size_t first, std::size_t last, State state) {
  std::vector<Fiber>& fibers = emulator().fibers;
  const auto begin = fibers.begin() + static_cast<std::ptrdiff_t>(first),
             end = fibers.begin() + static_cast<std::ptrdiff_t>(last);
  const auto one = std::find_if(begin, end, [&](const Fiber& f) { return f.state == state; });
  if (one == end) return false;
  for (auto other = begin; other != end; ++other)
    if (!same_place(*one, *other)) diverged(*one, *other);
  for (auto other = begin; other != end; ++other) other->state = State::ready;
  return true;
}

void run_block() {
  Emulator& e = emulator();
  const std::size_t count = e.fibers.size(), lanes = static_cast<std::size_t>(warpSize);
  for (std::size_t i = 0; i < count; ++i) {
    Fiber& fiber = e.fibers[i];
    const auto n = static_cast<unsigned>(i);
    fiber.thread = {n % blockDim.x, n / blockDim.x % blockDim.y, n / blockDim.x / blockDim.y};
    fiber.state = State::ready;
    fiber.begun = false;
    getcontext(&fiber.context);
    fiber.context.uc_stack.ss_sp = e.stacks.of(i);
    fiber.context.uc_stack.ss_size = stack_bytes;
    fiber.context.uc_link = &e.scheduler;
    makecontext(&fiber.context, fiber_main, 0);
  }
  for (;;) {
    for (std::size_t i = 0; i < count; ++i) {
      Fiber& fiber = e.fibers[e.order == Order::ascending ? i : count - 1 - i];
      if (fiber.state == State::ready) switch_to_fiber(fiber);
    }
    bool released = false;
    for (std::size_t first = 0; first < count; first += lanes) {
      const std::size_t last = std::min(first + lanes, count);
      if (e.fibers[first].state == State::at_gather) {
        std::vector<unsigned char>& all = e.gathered[first / lanes];
        std::vector<const void*> brought;
        for (std::size_t i = first; i < last; ++i) brought.push_back(e.fibers[i].brought);
        const std::size_t bytes = e.fibers[first].bytes;
        if (release(first, last, State::at_gather)) {
          all.assign(lanes * bytes, poison);
          for (std::size_t i = 0; i < brought.size(); ++i)
            std::memcpy(all.data() + i * bytes, brought[i], bytes);
          released = true;
        }
      } else {
        released = release(first, last, State::at_gather) || released;
      }
    }
    if (released) continue;
    if (!release(0, count, State::at_barrier)) break;
  }
}

}  // namespace

void configure(int lanes, Order order) {
  warpSize = lanes;
  emulator().order = order;
}

namespace {

using Recorded = std::vector<std::function<void()>>;
Recorded* recorded = nullptr;  // where work goes now; null: it is done at once

void refuse_while_recording(const char* call) {
  if (recorded != nullptr) throw GpuError(std::string(call) + " cannot be recorded");
}

}  // namespace

void begin(const std::function<void()>& work) {
  recorded != nullptr ? recorded->push_back(work) : work();
}

void* shared_memory() {
  return emulator().shared.get();
}

const void* gather(const void* mine, std::size_t bytes, std::source_location where) {
  wait(State::at_gather, mine, bytes, where);
  return emulator().gathered[threadIdx.x / static_cast<unsigned>(warpSize)].data();
}

void run(dim3 blocks, dim3 threads, std::size_t shared_bytes, const std::function<void()>& kernel) {
  Emulator& e = emulator();
  const std::size_t count = std::size_t{threads.x} * threads.y * threads.z;
  const std::size_t total = std::size_t{blocks.x} * blocks.y * blocks.z;
  // What no vendor launches.
  if (count == 0 || count > Stacks::most || total == 0 || blocks.y > 65535 || blocks.z > 65535)
    throw std::logic_error("a launch of " + std::to_string(total) + " blocks of " + std::to_string(count) +
                           " threads");
  blockDim = threads;
  gridDim = blocks;
  e.kernel = &kernel;
  e.fibers.resize(count);
  e.gathered.resize(count / static_cast<std::size_t>(warpSize) + 1);
  e.shared.reset(static_cast<unsigned char*>(std::malloc(std::max<std::size_t>(shared_bytes, 1))));
  if (e.shared == nullptr) throw std::bad_alloc();
  for (std::size_t i = 0; i < total; ++i) {
    const auto n = static_cast<unsigned>(e.order == Order::ascending ? i : total - 1 - i);
    blockIdx = {n % blocks.x, n / blocks.x % blocks.y, n / blocks.x / blocks.y};
    std::memset(e.shared.get(), poison, shared_bytes);
    run_block();
  }
}

}  // namespace emulation

// What operators use of runtime.h.

void* allocate_bytes(std::size_t bytes) {
  emulation::refuse_while_recording("an allocation");
  void* const memory = std::malloc(bytes == 0 ? 1 : bytes);
  if (memory == nullptr) throw OutOfDeviceMemory("the host's memory, which the emulated GPU uses, is full");
  std::memset(memory, emulation::poison, bytes);
  return memory;
}
void release_bytes(void* pointer) noexcept {
  std::free(pointer);
}
void* allocate_pinned_bytes(std::size_t bytes) {
  return allocate_bytes(bytes);
}
void release_pinned_bytes(void* pointer) noexcept {
  release_bytes(pointer);
}

/// So little that of a test's logits some are kept and others not.
std::uint64_t total_bytes() {
  return std::uint64_t{4} << 20;
}

Queue::Queue() = default;
Queue::~Queue() = default;
void Queue::copy(void* to, const void* from, std::size_t bytes) {
  emulation::begin([=] {
    if (bytes > 0) std::memcpy(to, from, bytes);
  });
}
void Queue::set_bytes(void* pointer, int value, std::size_t bytes) {
  emulation::begin([=] {
    if (bytes > 0) std::memset(pointer, value, bytes);
  });
}
void Queue::finish() {
  emulation::refuse_while_recording("waiting");
}

Recording::Recording(Queue& queue, const std::function<void()>& work) : queue_(queue) {
  auto all = std::make_unique<emulation::Recorded>();
  emulation::recorded = all.get();
  try {
    work();
  } catch (...) {
    emulation::recorded = nullptr;
    throw;
  }
  emulation::recorded = nullptr;
  ready_ = all.release();
}
Recording::~Recording() {
  delete static_cast<emulation::Recorded*>(ready_);
}
void Recording::begin() {
  for (const auto& one : *static_cast<emulation::Recorded*>(ready_)) one();
}

}  // namespace assay::gpu

void __syncthreads(std::source_location where) {
  assay::gpu::emulation::wait(assay::gpu::emulation::State::at_barrier, nullptr, 0, where);
}
