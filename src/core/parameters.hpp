#pragma once
#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "countersign/core/value.hpp"

// A request's parameters as people read them: one name and one value a line.
namespace countersign::core {

// A value that has no parts, or none to show: hidden ones count as such.
struct Parameter {
    std::string path;  // "rows", "tags[0]", "where.country"; a name that could be taken for a path is in JSON
    const Value* value;
};
// Calls `see` with each until it answers no. Parameters that are an empty object are one without a name. What
// is in one of `without`, which are parts of them, is passed over.
void each_parameter(const Value& parameters, const std::function<bool(Parameter)>& see,
                    const std::vector<const Value*>& without = {});
// Counts them, up to `most`.
std::size_t count_parameters(const Value& parameters, std::size_t most);

// What became of one value.
struct Difference {
    std::string path;
    const Value* before;  // nullptr: it was not there
    const Value* after;   // nullptr: it is not there any more
};
// Lists the first differences, at most `most`, in the order of the names. Whether two hidden values differ
// nobody can tell.
std::vector<Difference> differences(const Value& before, const Value& after, std::size_t most);

}  // namespace countersign::core
