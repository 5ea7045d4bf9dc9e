#include <fmt/core.h>

#include "countersign/base/text.hpp"
#include "countersign/core/request.hpp"
#include "policy/reader.hpp"

namespace countersign::policy {

bool valid_group_id(std::string_view text, std::string_view characters) {
    auto made = [&](std::string_view part) {
        return !part.empty() && part.find_first_not_of(characters) == std::string_view::npos;
    };
    auto slash = text.find('/');
    if (slash == std::string_view::npos) return made(text);
    return made(text.substr(0, slash)) && made(text.substr(slash + 1));
}

bool is_possible(NodeReader& reader, const Node& at, const std::string& field, std::string_view text,
                 std::string_view example) {
    if (field == "intent") return true;
    if (field != "action" && field != "environment") {
        auto found = overlooked(example);
        if (!found) return true;
        reader.error(at, fmt::format("no request has such a value: `{}` has {}", visible(text), *found));
        return false;
    }
    const bool action = field == "action";
    auto fits = action ? core::valid_action : core::valid_environment;
    if (fits(example)) return true;
    const std::string meant = lower_ascii(trim(text));
    const bool near = text == example && fits(meant);
    reader.error(at, fmt::format("no request has {} `{}`: it is lower-case letters, digits and {}{}",
                                 action ? "an action" : "an environment", visible(text),
                                 action ? ". _ : -" : ". _ : / -",
                                 near ? fmt::format("; did you mean `{}`?", meant) : ""));
    return false;
}

bool is_possible_label(NodeReader& reader, const Node& at, std::string_view name) {
    auto found = overlooked(name);
    if (!found) return true;
    reader.error(at, fmt::format("no request has a label `{}`: it has {}", visible(name), *found));
    return false;
}

}  // namespace countersign::policy
