#include "countersign/wire/leaves.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "countersign/app/events.hpp"
#include "countersign/app/plan.hpp"
#include "countersign/base/crypto.hpp"
#include "countersign/base/text.hpp"
#include "countersign/wire/stored.hpp"

namespace countersign::wire {

core::EventId event_id_of(core::Instant at, const core::RequestId& request, std::int32_t version,
                          std::size_t place) {
    Sha256 hash = sha256(std::string(as_text(request.bytes())) + std::to_string(version));
    std::array<std::byte, 10> chance{};
    std::copy_n(hash.begin(), chance.size(), chance.begin());
    return app::event_id(at, version, static_cast<std::uint8_t>(place), chance);
}

Result<std::vector<EntryLeaf>> leaves_of(const RecordedStep& step) {
    auto entry = read_stored_entry(step.record);
    if (!entry) return pass(entry);
    core::Instant at = core::at_of(*entry);
    std::vector<EntryLeaf> leaves;
    for (std::string_view type : app::events_of(*entry, step.before, step.after)) {
        core::EventId id = event_id_of(at, step.request, step.version, leaves.size());
        std::string body = leaf_body(Leaf{.type = type,
                                          .id = id,
                                          .at = at,
                                          .request = step.request,
                                          .version = step.version,
                                          .state = step.after,
                                          .digest = step.digest,
                                          .policy = step.policy,
                                          .entry_body = step.record,
                                          .person = {},
                                          .why = {}});
        leaves.push_back({id, at, type, std::move(body)});
    }
    return leaves;
}

}  // namespace countersign::wire
