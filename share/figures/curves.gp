# How learning curves look. `resnet-plot --style MY.gp` takes a copy of this file instead; the lines
# are drawn with styles 11, 21, ..., 71 (test), 12, 22, ... (training), 13, 23, ... (validation),
# one ten for each model.

set encoding utf8
set border 3 linewidth 0.8 linecolor rgb '#444444'
set tics out nomirror scale 0.6 textcolor rgb '#444444'
set xtics autofreq
set grid ytics linewidth 0.5 linetype 1 linecolor rgb '#e4e4e4'
set key top right reverse Left noautotitle samplen 1.8 spacing 1.15 textcolor rgb '#222222' noopaque
set title textcolor rgb '#222222'
set xlabel textcolor rgb '#222222' offset 0,0.3
set ylabel textcolor rgb '#222222' offset 0.8,0
set datafile missing 'nan'
set lmargin 10
set rmargin 2.5

# Okabe and Ito's colours, which people who do not see all colours can tell apart.
array colour[7] = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#e69f00', '#56b4e9', '#000000']
do for [i = 1:7] {
  set style line 10 * i + 1 linecolor rgb colour[i] linewidth 1.9 dashtype solid pointtype 7 pointsize 0.6
  set style line 10 * i + 2 linecolor rgb colour[i] linewidth 1.1 dashtype (10, 4) pointtype 6 pointsize 0.6
  set style line 10 * i + 3 linecolor rgb colour[i] linewidth 1.4 dashtype (2, 2) pointtype 4 pointsize 0.6
}
