#include "suites/io/stream/transfer.h"

#include <fcntl.h>

#include <vector>

#include "suites/io/support/block_io.h"

namespace assay::bench {

namespace {

class BlockTransfer final : public Transfer {
 public:
  BlockTransfer(const ProcessGroup& group, const TransferSettings& settings)
      : group_(group),
        settings_(settings),
        io_(make_block_io({parse_engine(settings.engine), settings.queue_depth, settings.block_bytes})),
        block_in_(static_cast<std::size_t>(io_->slots()), -1) {}

  void create(Workspace& workspace, const std::string& name, std::uint64_t file_bytes) override {
    const bool makes = !settings_.one_file || group_.rank() == 0;
    const int flags = O_RDWR | direct();
    // The others wait for the file also when it could not be made: they then fail by themselves.
    const auto make = [&] {
      file_ = workspace.create_file(name, flags);
      if (file_bytes > 0) reserved_ = file_.preallocate(file_bytes);
    };
    if (!settings_.one_file) {
      make();
      return;
    }
    try {
      if (makes) make();
    } catch (...) {
      group_.barrier();
      throw;
    }
    group_.barrier();
    if (!makes) file_ = workspace.open_file(name, flags);
  }

  void open(const Workspace& workspace, const std::string& name) override {
    file_ = workspace.open_file(name, O_RDONLY | direct());
  }

  std::int64_t write(const TransferJob& job) override { return run(job, Direction::write); }
  void read(const TransferJob& job) override { run(job, Direction::read); }
  void sync() override { file_.sync(); }
  void close() override { file_.close(); }
  void abandon() noexcept override { file_ = OpenFile(); }

  int buffers() const override { return io_->slots(); }
  std::byte* buffer(int index) const override { return io_->buffer(index); }
  std::int64_t block_in(int index) const override { return block_in_[static_cast<std::size_t>(index)]; }

  std::string description() const override { return io_->description(); }
  std::string preallocated() const override {
    return reserved_ ? "yes" : "no: the file system cannot reserve room, the files had their size and holes";
  }

 private:
  int direct() const { return settings_.direct ? O_DIRECT : 0; }

  std::int64_t run(const TransferJob& job, Direction direction) {
    const auto begin = [&](std::int64_t i, int slot) {
      const std::int64_t block = job.first + i;
      if (job.fill) job.fill(block, io_->buffer(slot));
      block_in_[static_cast<std::size_t>(slot)] = block;
      return BlockRequest{
          slot, direction, file_.descriptor(), job.offset(block), settings_.block_bytes, &file_.path()};
    };
    const auto end = [&](std::int64_t i, int slot, double) {
      if (job.examine) job.examine(job.first + i, io_->buffer(slot));
    };
    return run_blocks(*io_, job.count, begin, end, {}, job.go_on);
  }

  const ProcessGroup& group_;
  TransferSettings settings_;
  OpenFile file_;
  std::unique_ptr<BlockIo> io_;  // goes first: it waits for what is under way
  bool reserved_ = true;
  std::vector<std::int64_t> block_in_;
};

}  // namespace

std::unique_ptr<Transfer> make_transfer(const ProcessGroup& group, const TransferSettings& settings) {
  if (settings.engine == "mpiio") return make_mpi_transfer(group, settings);
  return std::make_unique<BlockTransfer>(group, settings);
}

}  // namespace assay::bench
