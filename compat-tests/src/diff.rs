//! A short line-by-line difference, in the manner of `diff -u`.

const CONTEXT: usize = 2;
const MOST_LINES: usize = 40;

/// The lines where `native` and `hosted` part, with a little context; empty if they are equal.
pub fn excerpt(native: &str, hosted: &str) -> String {
    if native == hosted {
        return String::new();
    }
    let steps = steps(&native.lines().collect::<Vec<_>>(), &hosted.lines().collect::<Vec<_>>());
    let changed: Vec<usize> = (0..steps.len()).filter(|&at| steps[at].0 != ' ').collect();
    let mut shown = vec!["--- native".to_owned(), "+++ hosted".to_owned()];
    let mut last = None;
    for (at, (mark, line)) in steps.iter().enumerate() {
        if !changed.iter().any(|&c| at + CONTEXT >= c && at <= c + CONTEXT) {
            continue;
        }
        if last.is_some_and(|last| last + 1 != at) {
            shown.push("@@".to_owned());
        }
        last = Some(at);
        shown.push(format!("{mark}{line}"));
        if shown.len() > MOST_LINES {
            shown.push("… (cut)".to_owned());
            break;
        }
    }
    if changed.is_empty() {
        shown.push("(they differ only in how the lines end)".to_owned());
    }
    shown.join("\n")
}

/// A shortest edit script by the longest common subsequence; outputs of cases are small.
fn steps<'a>(old: &[&'a str], new: &[&'a str]) -> Vec<(char, &'a str)> {
    const MOST: usize = 2000;
    let (old, new) = (&old[..old.len().min(MOST)], &new[..new.len().min(MOST)]);
    let mut common = vec![vec![0u16; new.len() + 1]; old.len() + 1];
    for i in (0..old.len()).rev() {
        for j in (0..new.len()).rev() {
            common[i][j] = if old[i] == new[j] {
                common[i + 1][j + 1] + 1
            } else {
                common[i + 1][j].max(common[i][j + 1])
            };
        }
    }
    let (mut i, mut j) = (0, 0);
    let mut steps = Vec::new();
    while i < old.len() || j < new.len() {
        if i < old.len() && j < new.len() && old[i] == new[j] {
            steps.push((' ', old[i]));
            (i, j) = (i + 1, j + 1);
        } else if j == new.len() || (i < old.len() && common[i + 1][j] >= common[i][j + 1]) {
            steps.push(('-', old[i]));
            i += 1;
        } else {
            steps.push(('+', new[j]));
            j += 1;
        }
    }
    steps
}

#[cfg(test)]
mod tests {
    use super::excerpt;

    #[test]
    fn equal_texts_have_no_difference() {
        assert_eq!(excerpt("a\nb\n", "a\nb\n"), "");
    }

    #[test]
    fn a_changed_line_is_shown_with_its_neighbours() {
        let got = excerpt("1\n2\n3\n4\n5\n6\n", "1\n2\n3\nfour\n5\n6\n");
        assert_eq!(got, "--- native\n+++ hosted\n 2\n 3\n-4\n+four\n 5\n 6");
    }
}
