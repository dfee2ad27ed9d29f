# How evaluations look. `resnet-plot --style MY.gp` takes a copy of this file instead. The pictures are
# drawn with these line styles:
#   1 to 6    bars by what they are of (appearance, motion, both), in order
# and the palette is that of confusion matrices, from none to all of a label.

set encoding utf8
set border 3 linewidth 0.8 linecolor rgb '#444444'
set tics out nomirror scale 0.6 textcolor rgb '#444444'
set grid ytics linewidth 0.5 linetype 1 linecolor rgb '#e4e4e4'
set key above right horizontal reverse Left noautotitle samplen 1.2 spacing 1.15 width -1 textcolor rgb '#222222' noopaque
set title textcolor rgb '#222222'
set xlabel textcolor rgb '#222222'
set ylabel textcolor rgb '#222222' offset 0.8,0
set style fill solid 1 noborder
set palette defined (0 '#ffffff', 1 '#dbe9f4', 50 '#5a9bc9', 100 '#08306b')

# Okabe and Ito's colours, which people who do not see all colours can tell apart.
set style line 1 linecolor rgb '#0072b2'
set style line 2 linecolor rgb '#e69f00'
set style line 3 linecolor rgb '#009e73'
set style line 4 linecolor rgb '#d55e00'
set style line 5 linecolor rgb '#56b4e9'
set style line 6 linecolor rgb '#cc79a7'
