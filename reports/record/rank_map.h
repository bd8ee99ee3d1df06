// How long each rank itself worked in each step of something that ranks do together: which one makes the
// others wait, and when. The attachment of training/llm_step, JSON on one line:
//
//   {"schema":"assay.rank_map/1","quantity":"...","steps":1000,"steps_per_column":16,"unit_s":1e-06,
//    "nodes":["n1","n2"],"node":[0,0,1,1],"last":[3,0,990,7],"median_s":[...],"jitter":[...],
//    "mean":[[...],...],"max":[[...],...]}
//
// A row for each rank, in order; a column for `steps_per_column` steps (the last one for the rest). Cells are
// whole multiples of `unit_s`, the largest 65535, so that the map of 10,000 ranks is below 3 MB. There are at
// most 64 columns, and fewer where ranks are many.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace assay {

/// One rank.
struct RankRow {
  std::string node;
  std::int64_t last = 0;              ///< in how many steps it worked longer than all others
  double median_s = 0;                ///< over the steps
  double jitter = 0;                  ///< change from one step to the next, relative: median
  std::vector<double> mean_s, max_s;  ///< of each column
  friend bool operator==(const RankRow&, const RankRow&) = default;
};

struct RankMap {
  std::string quantity;  ///< what the times are: "a rank's step without what it waited"
  std::int64_t steps = 0, steps_per_column = 1;
  std::vector<RankRow> ranks;
  friend bool operator==(const RankMap&, const RankMap&) = default;
};

/// The fewest steps a column holds when so many ranks and steps are to fit.
std::int64_t steps_per_column(std::int64_t ranks, std::int64_t steps);

/// Mean and maximum of each column of a rank's times.
void fill_columns(RankRow& row, const std::vector<double>& times_s, std::int64_t per_column);

/// Throws std::logic_error for rows of different lengths, times that are negative or no numbers.
std::string to_json(const RankMap& map);

/// Whether the bytes begin as a rank map does.
bool is_rank_map(std::string_view bytes);
/// Throws Error(bad_input) naming `file`: not a rank map, another version, rows that are missing or too long,
/// cells that cannot be.
RankMap parse_rank_map(std::string_view bytes, const std::string& file);

}  // namespace assay
