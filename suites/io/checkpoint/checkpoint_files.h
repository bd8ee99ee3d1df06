// The files of a checkpoint: what each rank writes, forced to the storage, and reads back.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "suites/io/checkpoint/checkpoint_sizes.h"
#include "suites/io/support/block_io.h"
#include "suites/io/support/pattern.h"

namespace assay::bench {

/// One file of a rank, and where its bytes are in the rank's state.
struct CheckpointPart {
  std::string file;          ///< "model-3-rank-00001": of pass 3, since other nodes may remember older files
  std::uint64_t number = 0;  ///< of the file, for Pattern: no two files of a run have the same
  std::uint64_t begin = 0;   ///< offset in the state
  std::uint64_t bytes = 0;
};

/// The weights' file, unless this rank writes none, then the optimizer's.
std::vector<CheckpointPart> parts_of(const RankShare& share, int rank, std::int64_t pass);

/// Writes every part into a new file, blocks of the engine's size at a time, and waits until the storage says
/// that it has them: fsync of each file and of the folder. Throws Error.
void write_parts(BlockIo& io, const std::filesystem::path& folder, const std::vector<CheckpointPart>& parts,
                 const std::byte* state, bool direct);

/// Asks the kernel to drop the pages of the parts' files. One that is missing is passed over. Throws Error.
void drop_parts(const std::filesystem::path& folder, const std::vector<CheckpointPart>& parts);

/// Whether the part's file is there and has its length.
bool is_whole(const std::filesystem::path& folder, const CheckpointPart& part);

/// Reads every part into its place in the state. A file that is missing or of another length is no Error: its
/// place is left as it was, and comparing finds it. Throws Error where reading fails.
void read_parts(BlockIo& io, const std::filesystem::path& folder, const std::vector<CheckpointPart>& parts,
                std::byte* state, bool direct);

/// Compares every byte of the state with what was saved.
Comparison compare_parts(const Pattern& pattern, const std::vector<CheckpointPart>& parts,
                         const std::byte* state);
void fill_parts(const Pattern& pattern, const std::vector<CheckpointPart>& parts, std::byte* state);

/// What training does to the state: `steps` times a number is added to each 64-bit word (negative: taken
/// away), so that a saver that looks at the state instead of its copy is found, and so is a step that went
/// wrong.
void train(std::byte* state, std::uint64_t bytes, std::int64_t steps);

}  // namespace assay::bench
