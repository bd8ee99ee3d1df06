// What people read on a terminal: the results of a run by hand, and the description of a benchmark.
#pragma once

#include <iosfwd>
#include <map>
#include <string>
#include <vector>

#include "reports/record/catalogue.h"
#include "reports/record/record.h"

namespace assay::bench {

/// Prints a line per device as each case ends, under one heading. With more than eight devices only the
/// slowest is shown, and the line says so.
class ResultTable {
 public:
  /// `varying`: the parameters that get a column; the others are said once, above.
  ResultTable(std::ostream& out, const BenchmarkSpec& spec, std::vector<std::string> varying);

  void add(const Record& record);
  /// What the columns mean.
  void finish();
  /// Devices whose median was not known to 1 % when time was up.
  int not_converged() const { return not_converged_; }

 private:
  void print_title(const Record& record);
  void print_headings(const Record& record);
  /// A figure that this record does not give because of one of its parameters, and no other record will.
  bool shown(const FomSpec& fom, const Record& record) const;
  std::string parameter_cell(const Record& record, const std::string& name) const;
  std::vector<std::string> cells(const Record& record, const DeviceResult& device,
                                 const std::string& who) const;
  void print_row(const std::vector<std::string>& cells) const;
  /// The figures of one device, a line each: where there are too many for columns.
  void print_figures(const Record& record, const DeviceResult& device);

  std::ostream& out_;
  const BenchmarkSpec& spec_;
  std::vector<std::string> varying_;
  std::vector<std::string> headings_;
  std::vector<const FomSpec*> rates_;  ///< figures with a column: all that are not times
  int not_converged_ = 0;
  bool started_ = false;
  bool by_parts_ =
      false;  ///< a pass with several parts: every figure has a column, there is no p50 of the whole
  bool listed_ = false;                             ///< figures have lines of their own below each row
  std::map<std::string, std::string> titled_path_;  ///< said in the title
  bool histograms_ = false;
  bool intervals_ = false;
};

/// What a reader should know about a record beyond its numbers: "bytes=8: ... ; what to do". Empty: nothing.
std::vector<std::string> warnings(const BenchmarkSpec& spec, const Record& record);

/// Every parameter with its unit, default and meaning; every figure.
std::string describe(const BenchmarkSpec& spec);

}  // namespace assay::bench
