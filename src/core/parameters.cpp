#include "core/parameters.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "countersign/core/hidden.hpp"

namespace countersign::core {
namespace {

bool plain_name(std::string_view name) {
    return !name.empty() && std::ranges::all_of(name, [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
               c == '-';
    });
}

// Appends a member's name to a path; a name that could be taken for a path is written in JSON form.
std::string step_to(const std::string& path, const std::string& name) {
    if (!plain_name(name)) return path + "[" + canonical(Value{name}) + "]";
    return path.empty() ? name : path + "." + name;
}
std::string step_to(const std::string& path, std::size_t index) {
    return fmt::format("{}[{}]", path, index);
}

using See = std::function<bool(Parameter)>;

// Depth is bounded by nesting_max. Says whether to go on.
bool walk(const std::string& path, const Value& value, const See& see,
          const std::vector<const Value*>& without) {
    if (std::ranges::find(without, &value) != without.end()) return true;
    const Value::Object* object = value.members();
    if (object && !object->empty() && !is_commitment(value)) {
        return std::ranges::all_of(*object, [&](const auto& member) {
            return walk(step_to(path, member.first), member.second, see, without);
        });
    }
    if (const Value::Array* array = value.items(); array && !array->empty()) {
        for (std::size_t i = 0; i < array->size(); ++i)
            if (!walk(step_to(path, i), (*array)[i], see, without)) return false;
        return true;
    }
    return see({path, &value});
}

std::size_t count(const Value& value, std::size_t most) {
    if (most == 0) return 0;
    std::size_t counted = 0;
    const Value::Object* object = value.members();
    if (object && !object->empty() && !is_commitment(value)) {
        for (const auto& member : *object) {
            if (counted == most) break;
            counted += count(member.second, most - counted);
        }
        return counted;
    }
    if (const Value::Array* array = value.items(); array && !array->empty()) {
        for (const Value& item : *array) {
            if (counted == most) break;
            counted += count(item, most - counted);
        }
        return counted;
    }
    return 1;
}

class Comparison {
  public:
    explicit Comparison(std::size_t most) : most_(most) {}

    void compare(const std::string& path, const Value& before, const Value& after) {
        if (full() || before == after) return;
        if (is_commitment(before) && is_commitment(after)) return;
        const bool shown = !is_commitment(before) && !is_commitment(after);
        if (shown && before.members() && after.members())
            return members(path, *before.members(), *after.members());
        if (shown && before.items() && after.items()) return items(path, *before.items(), *after.items());
        found_.push_back({path, &before, &after});
    }
    std::vector<Difference> take() { return std::move(found_); }

  private:
    bool full() const { return found_.size() >= most_; }
    void one(const std::string& path, const Value* before, const Value* after) {
        if (before != nullptr && after != nullptr) return compare(path, *before, *after);
        if (!full()) found_.push_back({path, before, after});
    }
    void members(const std::string& path, const Value::Object& before, const Value::Object& after) {
        for (const auto& [name, value] : before) {
            if (full()) return;
            one(step_to(path, name), &value, after.find(name));
        }
        for (const auto& [name, value] : after)
            if (!full() && before.find(name) == nullptr) one(step_to(path, name), nullptr, &value);
    }
    void items(const std::string& path, const Value::Array& before, const Value::Array& after) {
        for (std::size_t i = 0; i < std::max(before.size(), after.size()) && !full(); ++i)
            one(step_to(path, i), i < before.size() ? &before[i] : nullptr,
                i < after.size() ? &after[i] : nullptr);
    }

    std::size_t most_;
    std::vector<Difference> found_;
};

}  // namespace

void each_parameter(const Value& parameters, const See& see, const std::vector<const Value*>& without) {
    walk({}, parameters, see, without);
}

std::size_t count_parameters(const Value& parameters, std::size_t most) {
    return count(parameters, most);
}

std::vector<Difference> differences(const Value& before, const Value& after, std::size_t most) {
    Comparison comparison{most};
    comparison.compare({}, before, after);
    return comparison.take();
}

}  // namespace countersign::core
