#include "countersign/core/requirement.hpp"

#include <algorithm>

#include "core/lists.hpp"

namespace countersign::core {

bool covers(const Slots& more, const Slots& less, SlotOrder order) {
    auto comes_after_all_of = [](const CountOf& given, const CountOf& wanted) {
        return std::ranges::all_of(wanted.after,
                                   [&](const GroupId& group) { return contains(given.after, group); });
    };
    return std::ranges::all_of(less.groups, [&](const CountOf& wanted) {
        return std::ranges::any_of(more.groups, [&](const CountOf& given) {
            return given.of == wanted.of && given.count >= wanted.count &&
                   given.not_last >= wanted.not_last &&
                   (order == SlotOrder::ignored || comes_after_all_of(given, wanted));
        });
    });
}

bool covers(const std::vector<Slots>& more, const std::vector<Slots>& less, SlotOrder order) {
    return std::ranges::all_of(more, [&](const Slots& given) {
        return std::ranges::any_of(less, [&](const Slots& wanted) { return covers(given, wanted, order); });
    });
}

}  // namespace countersign::core
