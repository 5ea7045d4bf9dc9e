#include "countersign/wire/stored_history.hpp"

#include "wire/stored_text.hpp"

namespace countersign::wire {

std::string stored_history(const core::HistoryRecord& record) {
    StoredWriter w(nullptr);
    w.begin().key("last").begin_list();
    for (const auto& names : record.last) {
        w.begin_list();
        for (const std::string& name : names) w.text(name);
        w.end_list();
    }
    w.end_list().key("line").begin_list();
    for (const core::RequestId& id : record.line) w.text(id.text());
    w.end_list().key("uses").begin_list();
    for (const auto& use : record.uses)
        w.begin_list().at(use.at).whole(use.count).whole(use.amount).end_list();
    w.end_list().end();
    return w.take();
}

Result<core::HistoryRecord> read_stored_history(std::string_view text) {
    auto value = parse_stored(text);
    if (!value) return pass(value);
    StoredReader r(*value);
    core::HistoryRecord record;
    for (const Value& item : r.list("last")) {
        auto& names = record.last.emplace_back();
        r.must(item.items() != nullptr);
        for (std::size_t i = 0; item.items() && i < item.items()->size(); ++i) {
            r.must(item[i].string() != nullptr);
            names.emplace_back(item[i].text());
        }
    }
    for (const Value& item : r.list("line")) {
        auto id = core::RequestId::parse(item.text());
        r.must(id.has_value());
        if (id) record.line.push_back(*id);
    }
    for (const Value& item : r.list("uses")) {
        const auto at = item[0].integer();
        const auto count = item[1].integer();
        const auto amount = item[2].integer();
        r.must(at && count && amount && *count >= 0 && *count <= UINT32_MAX && *amount >= 0);
        if (at && count && amount)
            record.uses.push_back(
                {core::Instant{core::Duration{*at}}, static_cast<std::uint32_t>(*count), *amount});
    }
    if (!r.ok()) return not_ours("history");
    return record;
}

}  // namespace countersign::wire
