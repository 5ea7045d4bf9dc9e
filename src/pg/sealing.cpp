#include "pg/sealing.hpp"

#include "countersign/base/text.hpp"
#include "pg/rows.hpp"

namespace countersign::pg {
namespace {

constexpr Query instance{"SELECT id FROM instance"};
using Instance = core::RequestId;  // any 16 bytes

}  // namespace

Sql<const app::Seals*> Sealing::of(Session& session) {
    std::lock_guard lock(mutex_);
    if (seals_) return &*seals_;
    auto rows = session.run(instance);
    if (!rows) return std::unexpected(rows.error());
    auto id = rows->empty() ? std::nullopt : id_from<Instance>(view((*rows)[0][0]));
    if (!id)
        return std::unexpected(
            SqlTrouble{SqlTrouble::Kind::unmigrated, "the database does not name this installation", {}});
    seals_.emplace(keys_, id->bytes());
    return &*seals_;
}

Failure unsealed(app::SealCheck check, std::string_view what) {
    if (check == app::SealCheck::unknown_key)
        return {Trouble::unavailable,
                std::string(what) + " was sealed with another server key: set `server_key` to that one",
                "unknown_key",
                {}};
    return {Trouble::corrupt, std::string(what) + " is not what this server wrote", {}, {}};
}

std::optional<app::Seal> seal_from(std::string_view digits) {
    auto bytes = unhex(digits);
    app::Seal seal{};
    if (!bytes || bytes->size() != seal.size()) return std::nullopt;
    for (std::size_t i = 0; i < seal.size(); ++i) seal[i] = static_cast<std::byte>((*bytes)[i]);
    return seal;
}

}  // namespace countersign::pg
