#include <fmt/core.h>

#include <fstream>
#include <utility>

#include "countersign/adapters/audit.hpp"
#include "countersign/base/text.hpp"
#include "countersign/wire/ocsf.hpp"
#include "evidence/each_case.hpp"

namespace countersign::evidence {
Later<TablesWritten> export_ocsf(app::AuditStore& store, ExportFilter filter, std::string folder,
                                 const rt::Clock& clock, AuditProgress progress) {
    auto made = make_empty_folder(folder);
    if (!made) co_return pass(made);
    std::ofstream file(folder + "/events.ocsf.jsonl", std::ios::binary);
    TablesWritten written;
    auto add = [&](const core::Case& c) {
        ++written.requests;
        for (std::size_t i = 0; i < c.entries.size(); ++i) {
            auto after = core::decide(c.request, c.applied, std::span{c.entries}.first(i + 1)).state;
            file << core::canonical(wire::ocsf_event(c, i, after)) << '\n';
            if (std::holds_alternative<core::Voted>(c.entries[i])) ++written.votes;
        }
    };
    auto seen = co_await each_case(store, filter, clock, std::move(progress), add);
    if (!seen) co_return pass(seen);
    written.findings = std::move(*seen);
    file.close();
    if (!file) co_return fail(Trouble::unavailable, fmt::format("{} cannot be written", visible(folder)));
    co_return written;
}

}  // namespace countersign::evidence
