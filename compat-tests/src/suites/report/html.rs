//! The results as one page for a browser that needs nothing else: a table per suite, and below it each test that
//! does not pass, whose output opens at a touch.

use super::{Figures, Ran, Results};
use crate::suites::{Record, Verdict};

const STYLE: &str = "body{font:16px/1.45 system-ui,sans-serif;margin:0 auto;max-width:60rem;padding:1rem;color:#222;\
background:#fff}h1{font-size:1.5rem}h2{font-size:1.2rem;margin-top:2rem}table{border-collapse:collapse;width:100%}\
th,td{padding:.25rem .4rem;text-align:right;border-bottom:1px solid #ddd;font-variant-numeric:tabular-nums}\
th:first-child,td:first-child{text-align:left;overflow-wrap:anywhere}div.wide{overflow-x:auto}\
details{border-bottom:1px solid #eee;padding:.3rem 0}summary{cursor:pointer;overflow-wrap:anywhere}\
pre{white-space:pre-wrap;overflow-wrap:anywhere;font-size:.8rem;background:#f6f6f6;padding:.5rem}\
.bad{color:#a11}.known{color:#750}.mute{color:#666}\
@media(prefers-color-scheme:dark){body{background:#161616;color:#ddd}pre{background:#222}th,td{border-color:#444}\
.bad{color:#f88}.known{color:#db7}.mute{color:#999}}";

/// The page of these runs.
pub fn text(runs: &[Results]) -> String {
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\
         <title>Offshoot: compatibility</title><style>{STYLE}</style></head><body>\n\
         <h1>Offshoot beside native Linux</h1>\n<p>The same programs in the same file system, natively and here, side \
         by side; what fails natively is listed and never counted. A test that fails is tried once more, alone.</p>\n"
    );
    for results in runs {
        results.suites.iter().for_each(|suite| page.push_str(&section(results, suite)));
    }
    page.push_str("</body></html>\n");
    page
}

fn section(results: &Results, suite: &Ran) -> String {
    let part = if suite.whole { "" } else { " (a part)" };
    let all = results.figures(&suite.name);
    let mut text = format!(
        "<h2>{}{part}</h2>\n<p class=\"mute\">Version {}, platform {}, {}, {}</p>\n\
         <p><b>{} of {}</b> that pass natively pass here: {:.1}&nbsp;%; {} of them at the second attempt.</p>\n",
        escape(&suite.title),
        escape(&suite.version),
        escape(&results.platform),
        escape(&results.date),
        escape(&results.host),
        all.here,
        all.native,
        all.rate(),
        all.again,
    );
    text.push_str(
        "<div class=\"wide\"><table><tr><th>area</th><th>passes natively</th><th>of those here</th><th>rate</th>\
         <th>second attempt</th><th>expected to fail</th><th>failed</th><th>fails natively</th><th>skipped</th></tr>\n",
    );
    for (area, figures) in results.areas(&suite.name) {
        text.push_str(&row(area, figures));
    }
    text.push_str(&row("all", all));
    text.push_str("</table></div>\n");
    for (verdict, title, class) in [
        (Verdict::Fail, "Failed", "bad"),
        (Verdict::Unexpected, "Passed, but expected to fail", "bad"),
        (Verdict::Expected, "Expected failures", "known"),
        (Verdict::Native, "Fail natively", "mute"),
        (Verdict::Skipped, "Skipped", "mute"),
    ] {
        text.push_str(&list(results, &suite.name, verdict, title, class));
    }
    text
}

fn row(area: &str, figures: Figures) -> String {
    format!(
        "<tr><td>{}</td><td>{}</td><td>{}</td><td>{:.1}&nbsp;%</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>\n",
        escape(area),
        figures.native,
        figures.here,
        figures.rate(),
        figures.again,
        figures.expected,
        figures.failed,
        figures.not_native,
        figures.skipped
    )
}

fn list(results: &Results, suite: &str, verdict: Verdict, title: &str, class: &str) -> String {
    let chosen: Vec<&Record> =
        results.records.iter().filter(|record| record.suite == suite && record.verdict == verdict).collect();
    if chosen.is_empty() {
        return String::new();
    }
    // One touch opens an output that matters; long lists of what does not count open first.
    let quiet = matches!(verdict, Verdict::Native | Verdict::Skipped);
    let mut text = match quiet {
        true => format!("<details><summary class=\"{class}\">{title}: {}</summary>\n", chosen.len()),
        false => format!("<h3 class=\"{class}\">{title}: {}</h3>\n", chosen.len()),
    };
    for record in chosen {
        let here = record.here.as_ref().unwrap_or(&record.native);
        let why = match (&record.expected, here, &record.native) {
            (Some(reason), _, _) => reason.clone(),
            (None, _, super::Outcome::Skip(reason)) => reason.clone(),
            (None, here, _) => here.word().to_owned(),
        };
        text.push_str(&format!(
            "<details><summary><b>{}</b> <span class=\"mute\">{} · {:.1} s</span></summary><pre>{}</pre></details>\n",
            escape(&record.id()),
            escape(&why),
            record.took.as_secs_f64(),
            escape(&record.output)
        ));
    }
    if quiet {
        text.push_str("</details>\n");
    }
    text
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    #[test]
    fn output_cannot_leave_its_place() {
        assert_eq!(super::escape("<b> & \"x\""), "&lt;b&gt; &amp; &quot;x&quot;");
    }
}
