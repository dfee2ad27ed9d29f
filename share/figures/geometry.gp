# How the geometry of a network looks. `resnet-plot --style MY.gp` takes a copy of this file instead. The
# pictures are drawn with these line styles:
#   1 .. 10   classes; also the two curves of --show converge
#   9         lines between stages, where boundaries have names
#   41        the grid
#   42        ellipses of the metric
#   43, 44    straight and shortest lines; 43 also first order
# Eigenvalues along depth take their colours from the palette.

set encoding utf8
set border 3 linewidth 0.8 linecolor rgb '#444444'
set tics out nomirror scale 0.6 textcolor rgb '#444444'
set xtics autofreq
set grid ytics linewidth 0.5 linetype 1 linecolor rgb '#e4e4e4'
set key above right horizontal reverse Left noautotitle samplen 1.6 spacing 1.15 width -1 textcolor rgb '#222222' noopaque
set title textcolor rgb '#222222' offset 0,-0.6
set xlabel textcolor rgb '#222222' offset 0,0.3
set ylabel textcolor rgb '#222222' offset 0.8,0
set datafile missing 'nan'
set lmargin 9
set rmargin 2.5

# Okabe and Ito's colours, which people who do not see all colours can tell apart.
set style line 1 linecolor rgb '#0072b2' linewidth 1.2 pointtype 7 pointsize 0.25
set style line 2 linecolor rgb '#d55e00' linewidth 1.2 pointtype 7 pointsize 0.25
set style line 3 linecolor rgb '#009e73' linewidth 1.2 pointtype 7 pointsize 0.25
set style line 4 linecolor rgb '#cc79a7' linewidth 1.2 pointtype 7 pointsize 0.25
set style line 5 linecolor rgb '#e69f00' linewidth 1.2 pointtype 7 pointsize 0.25
set style line 6 linecolor rgb '#56b4e9' linewidth 1.2 pointtype 7 pointsize 0.25
set style line 7 linecolor rgb '#999933' linewidth 1.2 pointtype 7 pointsize 0.25
set style line 8 linecolor rgb '#882255' linewidth 1.2 pointtype 7 pointsize 0.25
set style line 9 linecolor rgb '#bbbbbb' linewidth 0.8 pointtype 7 pointsize 0.25
set style line 10 linecolor rgb '#444444' linewidth 1.2 pointtype 7 pointsize 0.25
set style line 41 linecolor rgb '#c9c9c9' linewidth 0.6
set style line 42 linecolor rgb '#555555' linewidth 0.6
set style line 43 linecolor rgb '#888888' linewidth 1.4 dashtype (6, 3)
set style line 44 linecolor rgb '#000000' linewidth 1.6 pointtype 7 pointsize 0.3

set palette defined (0 '#dbe6ee', 0.25 '#b9d5e6', 0.5 '#5ea6cc', 0.75 '#1b6aa5', 1 '#062f5c')
