#include "suites/io/support/block_io.h"

#include <liburing.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <new>
#include <string>
#include <system_error>
#include <vector>

#include "suites/io/support/storage_error.h"

namespace assay::bench {

namespace {

constexpr std::size_t page_bytes = 4096;
constexpr std::size_t submit_at_once_bytes = std::size_t{64} << 10;
constexpr std::size_t huge_page_bytes = std::size_t{2} << 20;

std::size_t round_up(std::size_t value, std::size_t unit) {
  return (value + unit - 1) / unit * unit;
}

Error failed(const BlockRequest& request, std::size_t done, int number) {
  const bool reads = request.direction == Direction::read;
  return storage_error(std::string(reads ? "read " : "write ") + std::to_string(request.bytes - done) +
                           " bytes at offset " + std::to_string(request.offset + done),
                       request.file != nullptr ? *request.file : std::filesystem::path{}, number);
}

/// A transfer of nothing: no error, and no way to go on.
Error stuck(const BlockRequest& request, std::size_t done) {
  const std::string at = std::to_string(request.offset + done);
  const Location where{request.file != nullptr ? request.file->string() : ""};
  if (request.direction == Direction::read) {
    return {ExitStatus::cannot_run, "the file ends at or before byte " + at + " (more was written)",
            "look at the kernel's log and at the file server", where};
  }
  return {ExitStatus::cannot_run,
          "the file system takes no more bytes at offset " + at + " and gives no reason",
          "look at the kernel's log and at the file server", where};
}

/// Whether the kernel gave huge pages (it need not) for most of the memory at `address`, as /proc/self/smaps
/// tells.
bool on_huge_pages(const std::byte* address, std::size_t bytes) {
  const auto wanted = reinterpret_cast<std::uintptr_t>(address);
  std::ifstream smaps("/proc/self/smaps");
  bool inside = false;
  for (std::string line; std::getline(smaps, line);) {
    unsigned long begin = 0;
    unsigned long end = 0;
    unsigned long kibibytes = 0;
    if (std::sscanf(line.c_str(), "%lx-%lx ", &begin, &end) == 2) {
      inside = begin <= wanted && wanted < end;
    } else if (inside && std::sscanf(line.c_str(), "AnonHugePages: %lu kB", &kibibytes) == 1) {
      return kibibytes * 1024 >= bytes / 2;
    }
  }
  return false;
}

bool interrupted(int number) {
  return number == EINTR || number == EAGAIN;
}

class Posix final : public BlockIo {
 public:
  explicit Posix(BlockIoSettings settings) : BlockIo((settings.queue_depth = 1, settings)) {}

  void start(const BlockRequest& request) override {
    std::size_t done = 0;
    while (done < request.bytes) {
      std::byte* const at = buffer(request.slot) + done;
      const auto offset = static_cast<off_t>(request.offset + done);
      const ssize_t moved = request.direction == Direction::read
                                ? pread(request.descriptor, at, request.bytes - done, offset)
                                : pwrite(request.descriptor, at, request.bytes - done, offset);
      if (moved < 0 && interrupted(errno)) continue;
      if (moved < 0) throw failed(request, done, errno);
      if (moved == 0) throw stuck(request, done);
      done += static_cast<std::size_t>(moved);
    }
    under_way_ = 1;
  }

  int finish() override {
    under_way_ = 0;
    return 0;
  }
  void abandon() noexcept override { under_way_ = 0; }
  std::string description() const override {
    return std::string("pread and pwrite, one block at a time") + (huge_pages() ? ", on huge pages" : "");
  }
};

class IoUring final : public BlockIo {
 public:
  explicit IoUring(const BlockIoSettings& settings)
      : BlockIo(settings), requests_(static_cast<std::size_t>(slots_)), done_(requests_.size()) {
    // One thread submits and waits, so the kernel need not interrupt it; older kernels do not know the flags.
    int failure = -EINVAL;
    for (const unsigned flags : {IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_COOP_TASKRUN, 0U}) {
      failure = io_uring_queue_init(static_cast<unsigned>(slots_), &ring_, flags);
      if (failure != -EINVAL) break;
    }
    if (failure < 0) throw storage_error("set up io_uring", {}, -failure);
    // Registered buffers spare the kernel pinning 256 pages for each MiB; they count against RLIMIT_MEMLOCK.
    std::vector<iovec> buffers;
    for (int slot = 0; slot < slots_; ++slot) buffers.push_back({buffer(slot), block_bytes()});
    registered_ =
        io_uring_register_buffers(&ring_, buffers.data(), static_cast<unsigned>(buffers.size())) == 0;
  }

  ~IoUring() override {
    abandon();
    io_uring_queue_exit(&ring_);
  }
  IoUring(const IoUring&) = delete;
  IoUring& operator=(const IoUring&) = delete;

  void start(const BlockRequest& request) override {
    const auto slot = static_cast<std::size_t>(request.slot);
    requests_[slot] = request;
    done_[slot] = 0;
    queue(slot);
    ++under_way_;
    // A large block goes out while the next one is filled; small ones are gathered into one system call.
    if (request.bytes >= submit_at_once_bytes) submit(0);
  }

  int finish() override {
    for (;;) {
      const io_uring_cqe* const entry = next_completion();
      const auto slot = static_cast<std::size_t>(entry->user_data);
      const int moved = entry->res;
      io_uring_cqe_seen(&ring_, const_cast<io_uring_cqe*>(entry));
      const BlockRequest& request = requests_[slot];
      if (moved >= 0) done_[slot] += static_cast<std::size_t>(moved);
      if (done_[slot] >= request.bytes) {
        --under_way_;
        return static_cast<int>(slot);
      }
      if (moved <= 0 && !interrupted(-moved)) {
        --under_way_;
        throw moved == 0 ? stuck(request, done_[slot]) : failed(request, done_[slot], -moved);
      }
      queue(slot);
    }
  }

  void abandon() noexcept override {
    // What was queued and not submitted must be submitted too: its completion is counted.
    while (under_way_ > 0) {
      io_uring_cqe* entry = nullptr;
      const int failure = io_uring_submit_and_wait(&ring_, 1);
      if (failure < 0 && !interrupted(-failure)) return;
      while (under_way_ > 0 && io_uring_peek_cqe(&ring_, &entry) == 0) {
        io_uring_cqe_seen(&ring_, entry);
        --under_way_;
      }
    }
  }

  std::string description() const override {
    return std::string(registered_ ? "io_uring with registered buffers" : "io_uring") +
           (huge_pages() ? " on huge pages" : "");
  }

 private:
  void queue(std::size_t slot) {
    const BlockRequest& request = requests_[slot];
    io_uring_sqe* const entry = io_uring_get_sqe(&ring_);  // never null: there are as many as slots
    std::byte* const at = buffer(request.slot) + done_[slot];
    const auto bytes = static_cast<unsigned>(request.bytes - done_[slot]);
    const std::uint64_t offset = request.offset + done_[slot];
    const bool reads = request.direction == Direction::read;
    if (registered_ && reads) {
      io_uring_prep_read_fixed(entry, request.descriptor, at, bytes, offset, request.slot);
    } else if (registered_) {
      io_uring_prep_write_fixed(entry, request.descriptor, at, bytes, offset, request.slot);
    } else if (reads) {
      io_uring_prep_read(entry, request.descriptor, at, bytes, offset);
    } else {
      io_uring_prep_write(entry, request.descriptor, at, bytes, offset);
    }
    entry->user_data = slot;
  }

  void submit(unsigned wait_for) {
    const int failure = io_uring_submit_and_wait(&ring_, wait_for);
    if (failure < 0 && !interrupted(-failure) && failure != -EBUSY)
      throw storage_error("submit to io_uring", {}, -failure);
  }

  /// What is done already is taken first, so that its time is not that of system calls for others; but new
  /// requests go out before a quarter of the depth waits here, so that the device does not run dry.
  io_uring_cqe* next_completion() {
    const auto most_waiting = static_cast<unsigned>(std::max(1, slots_ / 4));
    io_uring_cqe* entry = nullptr;
    for (;;) {
      const bool something_there = io_uring_cq_ready(&ring_) > 0;
      if (!something_there) submit(1);
      if (something_there && io_uring_sq_ready(&ring_) >= most_waiting) submit(0);
      if (io_uring_peek_cqe(&ring_, &entry) == 0 && entry != nullptr) return entry;
    }
  }

  io_uring ring_{};
  bool registered_ = false;
  std::vector<BlockRequest> requests_;
  std::vector<std::size_t> done_;  ///< bytes of each slot's block
};

}  // namespace

Engine parse_engine(const std::string& name) {
  if (name == "io_uring") return Engine::io_uring;
  if (name == "posix") return Engine::posix;
  throw bad_input("'" + name + "' is no engine", "give io_uring or posix");
}

std::string io_uring_unsupported() {
  io_uring ring{};
  const int failure = io_uring_queue_init(2, &ring, 0);
  if (failure < 0) {
    return "the kernel gives no io_uring: " + std::generic_category().message(-failure) +
           " (old, switched off by kernel.io_uring_disabled, or forbidden in this container); give "
           "engine=posix";
  }
  io_uring_queue_exit(&ring);
  return {};
}

void BlockIo::FreeMemory::operator()(std::byte* memory) const {
  std::free(memory);
}

BlockIo::BlockIo(const BlockIoSettings& settings)
    : slots_(std::max(1, settings.queue_depth)),
      block_bytes_(settings.block_bytes),
      stride_(round_up(std::max<std::size_t>(settings.block_bytes, 1), page_bytes)) {
  const std::size_t bytes = stride_ * static_cast<std::size_t>(slots_);
  const auto ram_bytes =
      static_cast<double>(sysconf(_SC_PHYS_PAGES)) * static_cast<double>(sysconf(_SC_PAGESIZE));
  if (ram_bytes > 0 && static_cast<double>(stride_) * slots_ > ram_bytes / 4) {
    throw Error(ExitStatus::cannot_run,
                std::to_string(slots_) + " buffers of " + std::to_string(stride_) +
                    " bytes are more than a quarter of the node's memory",
                "give a smaller block or queue_depth");
  }
  const std::size_t alignment = bytes >= huge_page_bytes ? huge_page_bytes : page_bytes;
  const std::size_t whole = round_up(bytes, alignment);
  memory_.reset(static_cast<std::byte*>(std::aligned_alloc(alignment, whole)));
  if (!memory_) throw std::bad_alloc();
  if (alignment == huge_page_bytes) madvise(memory_.get(), whole, MADV_HUGEPAGE);
  std::memset(memory_.get(), 0xA5, whole);
  huge_pages_ = on_huge_pages(memory_.get(), whole);
}

std::unique_ptr<BlockIo> make_block_io(const BlockIoSettings& settings) {
  if (settings.engine == Engine::posix) return std::make_unique<Posix>(settings);
  return std::make_unique<IoUring>(settings);
}

std::int64_t run_blocks(BlockIo& io, std::int64_t count,
                        const std::function<BlockRequest(std::int64_t, int)>& request,
                        const std::function<void(std::int64_t, int, double)>& done,
                        const std::function<double()>& now_s, const std::function<bool()>& go_on) {
  struct UnderWay {
    std::int64_t block = 0;
    double begin_s = 0;
  };
  std::vector<UnderWay> slots(static_cast<std::size_t>(io.slots()));
  std::int64_t next = 0;
  try {
    const auto begin = [&](int slot) {
      if (next >= count || (go_on && !go_on())) {
        count = next;
        return;
      }
      const BlockRequest block = request(next, slot);
      slots[static_cast<std::size_t>(slot)] = {next++, now_s ? now_s() : 0};
      io.start(block);
    };
    const auto end = [&] {
      const int slot = io.finish();
      const UnderWay& block = slots[static_cast<std::size_t>(slot)];
      done(block.block, slot, now_s ? now_s() - block.begin_s : 0);
      return slot;
    };
    for (int slot = 0; slot < io.slots() && next < count; ++slot) begin(slot);
    while (io.under_way() > 0) {
      const int slot = end();
      if (next < count) begin(slot);
    }
  } catch (...) {
    io.abandon();
    throw;
  }
  return next;
}

}  // namespace assay::bench
