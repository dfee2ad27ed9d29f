// Tables for other programs: a header row, then a record a line, fields between tabs. Control
// characters in text become '?', so that a record stays a line of as many fields; truth is 1 or 0;
// numbers are the shortest that read back the same.
#pragma once

#include <concepts>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/text.h"
#include "io/json.h"

namespace rn::io {

class Table {
 public:
  template <class... Names>
  explicit Table(const Names&... names) {
    row(names...);
  }

  template <class... Values>
  void row(const Values&... values) {
    cells(values...);
    end();
  }

  // A record, or a header, some cells at a time. `end` throws unless a record has as many as the
  // first row.
  template <class... Values>
  void cells(const Values&... values) {
    (cell(values), ...);
  }
  void end() {
    if (cells_ == 0) return;
    if (columns_ == 0) columns_ = cells_;
    require(cells_ == columns_, "a record of {} cells in a table of {}", cells_, columns_);
    cells_ = 0;
    text_ += '\n';
  }

  const std::string& str() const { return text_; }

 private:
  template <class Value>
  void cell(const Value& value) {
    if (cells_++ > 0) text_ += '\t';
    if constexpr (std::same_as<Value, bool>) {
      text_ += value ? '1' : '0';
    } else if constexpr (std::convertible_to<Value, std::string>) {
      text_ += printable(value);
    } else {
      text_ += fmt::format("{}", value);
    }
  }

  std::string text_;
  int columns_ = 0, cells_ = 0;
};

// Records as a table, and as JSON objects: for each type that has a function
//   template <class Put> void fields(const T& record, Put put);   // put("name", value) for each
template <class T>
std::string table_of(const std::vector<T>& records) {
  Table table;
  fields(T{}, [&](const char* name, const auto&) { table.cells(name); });
  table.end();
  for (const T& record : records) {
    fields(record, [&](const char*, const auto& value) { table.cells(value); });
    table.end();
  }
  return table.str();
}

template <class T>
std::vector<Json> objects_of(const std::vector<T>& records) {
  std::vector<Json> objects;
  for (const T& record : records) {
    Json& object = objects.emplace_back();
    fields(record, [&](const char* name, const auto& value) { object.add(name, value); });
  }
  return objects;
}

}  // namespace rn::io
