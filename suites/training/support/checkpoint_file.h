// One rank's file of a checkpoint: a header of 4096 bytes (sealed text: what the checkpoint is of, "rank R",
// "block NAME BYTES CHECKSUM" for each block) and then the blocks, one after the other, in the byte order of
// the machine. A block's checksum is that of fingerprint.h over its 64-bit words. Nothing here buffers more
// than 1 MiB: blocks are written straight from where they are, and read to there.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "suites/io/support/open_file.h"
#include "suites/training/support/trainer.h"

namespace assay::training {

inline constexpr const char* another_checkpoint = "resume from an older checkpoint, or train anew";

/// Which blocks a file holds, by whom. A block without a place in this rank's memory (null) is not read.
struct CheckpointPart {
  std::int64_t rank = 0;
  std::vector<StateBlock> blocks;

  std::uint64_t bytes() const;  ///< of the file; 0: there are no blocks, and there is no file
};

/// Writes and forces to the storage (fsync). `about` is what the checkpoint is of (checkpoint_identity.h).
/// Returns "file RANK BYTES SHA-256-OF-THE-HEADER". Throws Error(cannot_run).
std::string write_checkpoint_file(const std::filesystem::path& path, const std::vector<std::string>& about,
                                  const CheckpointPart& part);

/// One file, open for reading.
class CheckpointFile {
 public:
  /// Throws Error(bad_input) when it is missing, truncated, has another header than one of the lines of
  /// `manifest` says, or is of another training or other blocks than `about` and `part` say.
  CheckpointFile(const std::filesystem::path& path, const std::vector<std::string>& about,
                 const CheckpointPart& part, const std::vector<std::string>& manifest);

  enum class Reading { compare, restore };
  /// Reads the blocks, aside or to their places. Throws Error(bad_input) when a checksum is wrong.
  void read(Reading reading) const;

 private:
  const CheckpointPart part_;
  bench::OpenFile file_;
  std::vector<std::string> checksums_;  ///< that the blocks should have
};

}  // namespace assay::training
