"NOTES.md for the new release: writes /tmp/t/NOTES_new.md, @ where numbers go."
import re
s = open("/work/main/experiments/NOTES.md").read()
def sub(old, new):
    global s
    assert s.count(old) == 1, (s.count(old), old[:90])
    s = s.replace(old, new)
sub("| `lite-224`, `-body`, ... | runs, by their names in `results.csv`, `studies.yaml` and `release/` |",
    "| `unsup-224`, `unsup-decoder-more`, ... | runs, by their names in `results.csv`, `studies.yaml` and `release/` |\n"
    "| `lite`, `lite-128`, `lite-224`, `-body`, ... | runs behind the weights of releases before, but for the supervised `lite-*-only-3d`; their rows are in `results.csv` of commit `@OLD` |")
sub("*released* (part of the run behind the shipped weights)", "*released* (part of the run behind shipped weights, of this release or one before)")
a = s.index("Held-out rendered people at 224 px: without annotation"); b = s.index("Ten parts alone have an F1 of")
s = s[:a] + """Held-out rendered people at 224 px: without annotation `unsup-decoder-more-s0`, with a tenth of the poses `semi-224-decoder-s0`, with every true pose `lite-224-only-3d-s0`, which was trained on a GPU. Photographs: the LSP-extended sample, limb joints in place, with the angle searched where it says so.

| aim | without annotation | a tenth of the poses | every true pose | reached |
|---|---|---|---|---|
| PA-MPJPE at most 75 mm on two cores in eight hours | @PA | @PAS | 62.7 | @PAR |
| at most 1.15 times that with every true pose | @X times | @XS | | @XR |
| facing error at most 10 % | @F | @FS | 4 % | @FR |
| 2D PCK at least 0.90 | @PCK | @PCKS | 0.91, points 0.95 | no |
| F1 with background 0.84 (foreground) and 0.64 (six parts), shape-aware above shape-unaware | @F1 | | | @F1R |
| errors of the ablations 1.28, 1.80, 1.91 times the full model's | without T_fk∘T_c 1.09, without q_z 3.21, without m_sal 1.03 | | | no: paintings of known poses teach what in the paper only the decoder teaches |
| photographs: PCK of limb joints 0.30, trunks tilted less than 20 degrees 0.55, 60 degrees and more 0.20 | @LSP | @LSPS | 0.098 | @LSPR |
| Human3.6M and MPI-INF-3DHP samples: 70 mm on their feet, 130 others | @FEET | @FEETS | | @FEETR |
| foreground of four Human3.6M frames: IoU 0.80 | @IOU | @IOUS | | @IOUR |

@PARTS

The way there, by image size:

| px | 64 | 96 | 160 | 224 |
|---|---|---|---|---|
| PA-MPJPE without annotation | 114.7 | @96 | @160 | @224 |
| times that with every true pose | | @X96 | @X160 | @X224 |

""" + s[s.index("## Films and means of weights (224 px)"):]
a = s.index("| `lite-224-average` | 62d9bfa |"); b = s.index("| `unsup-more`; its `-s2`")
s = s[:a] + """| `unsup-96`; `unsup-160`; `unsup-224` (98, 48 and @T224 minutes of two cores without AVX-512) | a6494df, its end a8d8214; 15c96de; 1eec167 |
| `unsup-decoder`, `unsup-decoder-more` and its seeds 1 and 2 (@TDEC and @TJOINT minutes) | 1eec167 |
| `semi-224`, `semi-224-decoder`; `unsup-real` | @SEMI; @REAL |
| `lite-224-only-3d`: 105 s of a GPU | 339a988 |
| `lite-160-only-3d` | 049b944 |
| `lite-only-3d`: lowest at the last of 6,000 iterations, 80.8, after 81.0 at 4,750 and 82.4 at 5,000 | 70f59d8 |
""" + s[b:]
sub("one or two CPU cores but for `lite-224-s0` and `lite-224-only-3d-s0` (one H200, seven minutes together, held-out people measured on a CPU):", "one or two CPU cores but for `lite-224-only-3d-s0` (one H200, held-out people measured on a CPU):")
open("/tmp/t/NOTES_new.md", "w").write(s)
print(sorted(set(re.findall(r"@\w+", s))))
