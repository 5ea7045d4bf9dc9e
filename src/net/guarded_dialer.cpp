#include "countersign/net/guarded_dialer.hpp"

#include <algorithm>
#include <optional>
#include <utility>

#include "countersign/base/text.hpp"
#include "countersign/net/byte_stream.hpp"
#include "countersign/net/reach.hpp"

namespace countersign::net {
namespace {

constexpr std::size_t addresses_tried_max = 3;

}  // namespace

Result<Done> GuardedDialer::check(const std::string& host, const Address& address) const {
    auto reach = reach_of(address);
    if (reach == Reach::open || (reach == Reach::in_house && guard_.in_house(host))) return Done{};
    auto why = visible(host) + " stands for " + std::string{name_of(reach)};
    if (reach == Reach::in_house && !guard_.how_to_allow.empty()) why += "; " + guard_.how_to_allow;
    return fail(Trouble::forbidden, std::move(why), "address_refused");
}

Later<StreamPtr> GuardedDialer::dial(const Url& url, Deadline deadline) {
    auto addresses = co_await network_.resolve(url.host, deadline);
    if (!addresses) co_return pass(addresses);
    for (const auto& address : *addresses) {
        auto allowed = check(url.host, address);
        if (!allowed) co_return pass(allowed);
    }
    addresses->resize(std::min(addresses->size(), addresses_tried_max));
    std::optional<Failure> last;
    for (std::size_t i = 0; i < addresses->size(); ++i) {
        // Each address gets its share of the time, so that a dead one does not use up that of the others.
        core::Duration left = deadline.at - clock_.now();
        Deadline share{clock_.now() + left / static_cast<std::int64_t>(addresses->size() - i)};
        auto connected = co_await network_.connect(url, (*addresses)[i], share);
        if (connected) co_return std::move(*connected);
        last = std::move(connected).error();
    }
    co_return std::unexpected(std::move(*last));
}

}  // namespace countersign::net
