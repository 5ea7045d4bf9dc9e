#pragma once
#include <algorithm>
#include <map>
#include <tuple>
#include <utility>

#include "countersign/app/shown.hpp"

namespace countersign::fakes {

// What was put before whom, in memory.
struct ShownTo final : app::ShownStore {
    using Key = std::tuple<core::RequestId, core::AccountId, app::Shown::What, core::Surface>;
    std::map<Key, app::Shown> all;
    bool down = false;

    static Key key_of(const app::Shown& shown) {
        return {shown.request, shown.account, shown.what, shown.chat};
    }
    Later<app::Shown> put(app::Shown shown, Deadline) override {
        if (down) co_return fail(Trouble::unavailable, "down");
        auto before = all.find(key_of(shown));
        if (before != all.end() && before->second.digest == shown.digest &&
            before->second.pages == shown.pages)
            shown.seen = std::max(shown.seen, before->second.seen);
        all.insert_or_assign(key_of(shown), shown);
        std::erase_if(all, [&](const auto& one) { return one.second.at < shown.at - app::shown_kept; });
        co_return shown;
    }
    Later<app::Shown> find(core::RequestId request, core::AccountId account, app::Shown::What what,
                           core::Surface chat, Deadline) override {
        if (down) co_return fail(Trouble::unavailable, "down");
        auto found = all.find({request, std::move(account), what, chat});
        if (found == all.end()) co_return fail(Trouble::not_found, "nothing was shown");
        co_return found->second;
    }
};

}  // namespace countersign::fakes
